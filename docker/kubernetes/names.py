"""Says which rendered objects have no namespace, and which ConfigMaps and claims of pods are not there: names.py FILE

ConfigMaps and Secrets that an installation makes itself are known by their names.
"""

import sys

import yaml

MADE_BY_HAND = {"traffic-manager-ca", "gateway-ca"}


def main(file):
    with open(file, encoding="utf-8") as text:
        objects = [item for item in yaml.safe_load_all(text) if item]
    made = {item["metadata"]["name"] for item in objects if item["kind"] == "ConfigMap"}
    accounts = {item["metadata"]["name"] for item in objects if item["kind"] == "ServiceAccount"}
    faults = []
    for item in objects:
        name = f"{item['kind']} {item['metadata']['name']}"
        if item["kind"] != "Namespace" and "namespace" not in item["metadata"]:
            faults.append(f"{name} has no namespace")
        for pod in pods(item):
            faults += [f"{name} wants the ConfigMap {wanted}" for wanted in config_maps(pod) - made - MADE_BY_HAND]
            if pod["serviceAccountName"] not in accounts:
                faults.append(f"{name} wants the account {pod['serviceAccountName']}")
    for fault in faults:
        print(fault)
    return 1 if faults else 0


def pods(value):
    """Each specification of a pod in an object, however deep."""
    if isinstance(value, dict):
        if "containers" in value:
            yield value
        for inner in value.values():
            yield from pods(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from pods(inner)


def config_maps(pod):
    names = {volume["configMap"]["name"] for volume in pod.get("volumes", []) if "configMap" in volume}
    for container in pod["containers"] + pod.get("initContainers", []):
        names |= {source["configMapRef"]["name"] for source in container.get("envFrom", []) if "configMapRef" in source}
    return names


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
