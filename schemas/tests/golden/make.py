"""Makes the golden messages: the same records as in presses.json, encoded by fastavro.

Run it only when the schema changes:  pip install fastavro && python3 schemas/tests/golden/make.py
"""

import io
import json
import pathlib
import struct
import uuid
from datetime import datetime, timezone

import fastavro

here = pathlib.Path(__file__).parent
schema = fastavro.parse_schema(json.loads((here / "../../button_presses.avsc").read_text()))
SCHEMA_ID = 258

messages = []
for press in json.loads((here / "presses.json").read_text()):
    record = dict(press)
    record["session_id"] = uuid.UUID(press["session_id"])
    record["timestamp"] = datetime.fromisoformat(press["timestamp"]).astimezone(timezone.utc)
    out = io.BytesIO()
    fastavro.schemaless_writer(out, schema, record)
    messages.append((struct.pack(">bI", 0, SCHEMA_ID) + out.getvalue()).hex())
(here / "messages.hex").write_text("\n".join(messages) + "\n")
