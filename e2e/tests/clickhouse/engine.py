"""ClickHouse for a test: statements come in, one JSON text a line; answers go out in the same way.

It is the real engine with all its table engines, as the library chdb has it. It ends with its input.
"""

import json
import sys

from chdb.session import Session

session = Session(sys.argv[1])
for line in sys.stdin:
    try:
        answer = session.query(json.loads(line), "JSONCompact").bytes()
        print(json.dumps({"rows": json.loads(answer)["data"] if answer else []}), flush=True)
    except Exception as error:
        print(json.dumps({"error": str(error)}), flush=True)
