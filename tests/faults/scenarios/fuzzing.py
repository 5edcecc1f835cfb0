"""Random requests over REST, thousands of them: none breaks anything, and each answer is one of the document's."""

from tests.faults.rig.mesh import CREDENTIALS
from tests.faults.rig.scenario import Run, Scenario
from tests.fuzzing.run import fuzz

EXAMPLES = 100
"""Random requests of each operation in one run of schemathesis; several runs make the number."""


async def fuzzing(run: Run) -> None:
    """Runs with different seeds, until there were enough."""
    environment = {**CREDENTIALS, "GATEWAY_URL": run.mesh.gateway_urls[0]}
    cases, runs = 0, 0
    while cases < run.size and not run.findings:
        fuzzed = await fuzz(environment, run.mesh.state.path, examples=EXAMPLES, seed=run.random.randrange(10**6))
        run.findings += fuzzed.findings
        cases, runs = cases + fuzzed.cases, runs + 1
    run.figures |= {"requests": cases, "runs": runs}


FUZZING = Scenario(
    "fuzzing",
    "random requests of every REST operation (schemathesis, all phases): 0 server errors, 0 answers that the "
    "OpenAPI document does not allow",
    "requests",
    {"long": 20_000},
    fuzzing,
)
