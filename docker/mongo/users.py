"""Creates the database users of the stack, or brings them up to date: `users.js` for a server that has no mongosh.

Reads MONGO_PORT and the three MONGO_*_PASSWORD from the environment. Runs while authentication is off.
"""

import os

import pymongo

DATABASE = "traffic_manager_audit"


def main():
    client = pymongo.MongoClient(
        f"mongodb://127.0.0.1:{os.environ['MONGO_PORT']}/?directConnection=true", serverSelectionTimeoutMS=5000
    )
    user(client["admin"], "admin", "MONGO_ADMIN_PASSWORD", ["root"])
    audit = client[DATABASE]
    for collection in ["route_events", "access_events"]:
        role(audit, f"{collection}_writer", collection, ["insert", "find"])
        role(audit, f"{collection}_reader", collection, ["find"])
    user(audit, "tm_service", "MONGO_APP_PASSWORD", ["route_events_writer", "access_events_writer"])
    user(audit, "tm_auditor", "MONGO_AUDITOR_PASSWORD", ["route_events_reader", "access_events_reader"])


def role(database, name, collection, actions):
    if not database.command("rolesInfo", name)["roles"]:
        resource = {"db": DATABASE, "collection": collection}
        database.command("createRole", name, privileges=[{"resource": resource, "actions": actions}], roles=[])


def user(database, name, password, roles):
    roles = [{"role": role, "db": database.name} for role in roles]
    if database.command("usersInfo", name)["users"]:
        database.command("grantRolesToUser", name, roles=roles)
    else:
        database.command("createUser", name, pwd=os.environ[password], roles=roles)


main()
