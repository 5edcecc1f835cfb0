"""``python -m gateway.openapi``: prints the document."""

import json
import sys

from gateway.app import SERVICES
from gateway.openapi.comments import Comments
from gateway.openapi.document import build_document

if __name__ == "__main__":
    document = build_document(SERVICES, Comments.of_the_contract())
    sys.stdout.write(json.dumps(document, indent=2, ensure_ascii=False) + "\n")
