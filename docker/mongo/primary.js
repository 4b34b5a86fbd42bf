// The health check of mongod: succeeds when it is a writable primary, and makes it one the first time.

db.getSiblingDB("admin").auth("admin", process.env.MONGO_INITDB_ROOT_PASSWORD);

try {
  rs.status();
} catch (error) {
  if (error.codeName !== "NotYetInitialized") throw error;
  // The address must be one that works from inside the container and on the host; see compose.yaml.
  rs.initiate({ _id: "rs0", members: [{ _id: 0, host: `127.0.0.1:${process.env.MONGO_PORT}` }] });
}

if (!db.hello().isWritablePrimary) quit(1);
