// Creates the database users of the stack, as the image sets the data directory up (it has made `admin` already), and brings those of an
// earlier version up to date (docker/stack/compose.sh runs it again as `admin`). The same users as in users.py. What is archived can only
// be added to: nobody here may update or delete.

const audit = db.getSiblingDB("traffic_manager_audit");

function role(name, collection, actions) {
  const resource = { db: "traffic_manager_audit", collection };
  if (!audit.getRole(name)) audit.createRole({ role: name, privileges: [{ resource, actions }], roles: [] });
}

function user(name, pwd, roles) {
  if (audit.getUser(name)) audit.grantRolesToUser(name, roles);
  else audit.createUser({ user: name, pwd, roles });
}

for (const collection of ["route_events", "access_events"]) {
  role(`${collection}_writer`, collection, ["insert", "find"]);
  role(`${collection}_reader`, collection, ["find"]);
}

user("tm_service", process.env.MONGO_APP_PASSWORD, ["route_events_writer", "access_events_writer"]);
user("tm_auditor", process.env.MONGO_AUDITOR_PASSWORD, ["route_events_reader", "access_events_reader"]);
