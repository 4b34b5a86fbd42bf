-- Plans as lists show them: without their changes, which may be megabytes each.
alter table plans add column summary json;
