"""Prints the archived document of one event as JSON: find-event.py MONGO_URL EVENT_ID. Prints nothing while it is not there."""

import sys

import pymongo
from bson import json_util

client = pymongo.MongoClient(sys.argv[1], serverSelectionTimeoutMS=5000)
try:
    document = client["traffic_manager_audit"]["route_events"].find_one({"_id": sys.argv[2]})
except pymongo.errors.PyMongoError as error:
    sys.exit(f"MongoDB: {error}")
if document:
    print(json_util.dumps(document))
