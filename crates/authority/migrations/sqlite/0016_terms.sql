-- Terms of months and years end on the same day of the month, term for term.
alter table licenses add column kept_day integer;
