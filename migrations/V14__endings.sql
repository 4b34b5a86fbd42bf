-- A tenant that is being deleted, in as many revisions as it takes: who deletes it and why. Whoever finds it so goes on.

alter table tenants add column ending jsonb;

create index tenants_ending on tenants (name) where ending is not null;
