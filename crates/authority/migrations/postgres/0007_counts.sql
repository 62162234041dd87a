-- All licenses and the slots they use are counted in one walk.
drop index licenses_in_use;
create index licenses_in_use on licenses (active);
