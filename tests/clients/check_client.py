"""check_client.py DOCUMENT FOLDER: imports every module of the client in FOLDER/client, which has every operation."""

import importlib
import json
import pkgutil
import re
import sys

document, folder = sys.argv[1:]
sys.path.insert(0, folder)
import client  # noqa: E402

names = set()
for module in pkgutil.walk_packages(client.__path__, "client."):
    importlib.import_module(module.name)
    names.add(module.name.rsplit(".", 1)[1])
with open(document, encoding="utf-8") as file:
    items = json.load(file)["paths"].values()
ids = [operation["operationId"] for item in items for operation in item.values()]
missing = [name for name in ids if re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower() not in names]
assert len(ids) > 60 and not missing, missing
