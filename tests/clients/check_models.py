"""check_models.py DOCUMENT FOLDER: reads the examples of the document into the models in FOLDER/models.py."""

import json
import sys

document, folder = sys.argv[1:]
sys.path.insert(0, folder)
import models  # noqa: E402

with open(document, encoding="utf-8") as file:
    paths = json.load(file)["paths"]


def bodies():
    for path, item in paths.items():
        for method, operation in item.items():
            answers = [answer for answer in operation["responses"].values() if "content" in answer]
            for body in [operation.get("requestBody", {}), *answers]:
                content = body.get("content", {}).get("application/json", {})
                if "$ref" in content.get("schema", {}) and "example" in content:
                    yield f"{method} {path}", content["schema"]["$ref"].rsplit("/", 1)[1], content["example"]


count = 0
for place, name, example in bodies():
    try:
        getattr(models, name).model_validate(example)
    except Exception as error:
        sys.exit(f"{place} {name}: {error}")
    count += 1
assert count > 70, count
unknown = models.Route.model_validate(
    {**paths["/api/v1/routes"]["get"]["responses"]["200"]["content"]["application/json"]["example"]["items"][0], "more": 1}
)
assert not hasattr(unknown, "more")
