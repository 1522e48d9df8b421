"""Write the Python client from the API's description."""

import json
from pathlib import Path

TARGET = Path("api/client/shop_client.py")
METHOD = '''
    def {name}(self{parameters}):
        """{summary}"""
        return self.fetch({path})
'''

api = json.loads(Path("api/openapi.json").read_text())
lines = ['"""A client for the orders service."""\n\n\nclass ShopClient:\n']
lines.append('    """Talks to the orders service through `fetch`."""\n')
lines.append("\n    def __init__(self, fetch):\n        self.fetch = fetch\n")
for path, operations in api["paths"].items():
    names = [part[1:-1] for part in path.split("/") if part.startswith("{")]
    lines.append(
        METHOD.format(
            name=operations["get"]["operationId"],
            parameters="".join(f", {name}" for name in names),
            summary=operations["get"]["summary"],
            path=("f" if names else "") + json.dumps(path),
        )
    )
TARGET.write_text("".join(lines))
print(f"wrote {TARGET}: {len(api['paths'])} methods")
