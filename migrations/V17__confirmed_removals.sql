-- The newest removal of most of a tenant's routes that was confirmed: its tag and how much it removed. Nodes let such a removal
-- through only with a signed statement, and an instance that loads the tenant after the write makes the statement from this.

alter table tenants add column confirmed jsonb;
