// Creates the database users of the stack, once, as the image sets the data directory up (it has made `admin` already).
// The same users as in users.py. The archive can only be added to: nobody here may update or delete.

const audit = db.getSiblingDB("traffic_manager_audit");
const resource = { db: "traffic_manager_audit", collection: "route_events" };

audit.createRole({ role: "route_events_writer", privileges: [{ resource, actions: ["insert", "find"] }], roles: [] });
audit.createRole({ role: "route_events_reader", privileges: [{ resource, actions: ["find"] }], roles: [] });

audit.createUser({ user: "tm_service", pwd: process.env.MONGO_APP_PASSWORD, roles: ["route_events_writer"] });
audit.createUser({ user: "tm_auditor", pwd: process.env.MONGO_AUDITOR_PASSWORD, roles: ["route_events_reader"] });
