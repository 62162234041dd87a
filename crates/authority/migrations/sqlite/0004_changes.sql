-- What changed of a license, or of one activation of it, in the order of the commits: what those who wait are told.
-- Rows of more than an hour ago are forgotten by a job.
create table license_changes (
  number integer primary key,
  license blob not null,
  activation blob,
  revision integer not null,
  at integer not null
) strict;

-- The number that was taken last. Taking one is the last thing that a transaction does.
create table change_numbers (
  only_one integer primary key check (only_one = 1),
  number integer not null
) strict, without rowid;
insert into change_numbers (only_one, number) values (1, 0);
