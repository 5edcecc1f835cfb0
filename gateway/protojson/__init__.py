"""ProtoJSON: what JSON a message becomes (:mod:`.writing`), and what message JSON becomes (:mod:`.reading`).

Both are compiled once per message, as closures over its descriptor. See https://protobuf.dev/programming-guides/json/.
"""
