"""Creates the database users of the stack: `users.js` for a server that has no mongosh.

Reads MONGO_PORT and the three MONGO_*_PASSWORD from the environment. Runs once, before authentication is switched on.
"""

import os

import pymongo

DATABASE = "traffic_manager_audit"
COLLECTION = {"db": DATABASE, "collection": "route_events"}


def main():
    client = pymongo.MongoClient(
        f"mongodb://127.0.0.1:{os.environ['MONGO_PORT']}/?directConnection=true", serverSelectionTimeoutMS=5000
    )
    create_user(client["admin"], "admin", "MONGO_ADMIN_PASSWORD", "root")
    audit = client[DATABASE]
    create_role(audit, "route_events_writer", ["insert", "find"])
    create_role(audit, "route_events_reader", ["find"])
    create_user(audit, "tm_service", "MONGO_APP_PASSWORD", "route_events_writer")
    create_user(audit, "tm_auditor", "MONGO_AUDITOR_PASSWORD", "route_events_reader")


def create_role(database, name, actions):
    if not database.command("rolesInfo", name)["roles"]:
        database.command("createRole", name, privileges=[{"resource": COLLECTION, "actions": actions}], roles=[])


def create_user(database, name, password, role):
    if not database.command("usersInfo", name)["users"]:
        database.command("createUser", name, pwd=os.environ[password], roles=[{"role": role, "db": database.name}])


main()
