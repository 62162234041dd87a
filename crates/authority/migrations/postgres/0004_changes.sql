-- What changed of a license, or of one activation of it, in the order of the commits: what those who wait are told.
-- Rows of more than an hour ago are forgotten by a job.
create table license_changes (
  number bigint primary key,
  license uuid not null,
  activation uuid,
  revision bigint not null,
  at bigint not null
);

-- The number that was taken last. Taking one is the last thing that a transaction does.
create table change_numbers (
  only_one bigint primary key check (only_one = 1),
  number bigint not null
);
insert into change_numbers (only_one, number) values (1, 0);
