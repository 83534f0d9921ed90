-- By hand: whoever watches a class is told that something about it has changed, and looks for themselves. A notice names
-- classes and says nothing else; it reaches every server that listens, with the commit.
CREATE FUNCTION rollcall_tell_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  -- A notice holds 8,000 bytes: sixty classes of tenants with the longest names.
  PERFORM pg_notify('rollcall_change', told.classes) FROM (
    SELECT string_agg(named.class, ',') AS classes FROM (
      SELECT c.class, (row_number() OVER () - 1) / 60 AS part
      FROM (SELECT DISTINCT tenant_id || ' ' || class_id AS class FROM changed) c
    ) named GROUP BY named.part
  ) told;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE FUNCTION rollcall_tell_class_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('rollcall_change', NEW.tenant_id || ' ' || NEW.id);
  RETURN NULL;
END $$;
--> statement-breakpoint
-- Signs of life of a connection that goes on change nothing that is shown.
CREATE FUNCTION rollcall_tell_closed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('rollcall_change', NEW.tenant_id || ' ' || NEW.class_id);
  RETURN NULL;
END $$;
--> statement-breakpoint
DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['events', 'sweeps', 'whiteboard_connections', 'marks', 'class_identities', 'class_roster', 'calculations']
  LOOP
    EXECUTE format('CREATE TRIGGER tell_inserted AFTER INSERT ON %I REFERENCING NEW TABLE AS changed '
      'FOR EACH STATEMENT EXECUTE FUNCTION rollcall_tell_change()', t);
  END LOOP;
END $$;
--> statement-breakpoint
CREATE TRIGGER tell_updated AFTER UPDATE ON class_identities REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION rollcall_tell_change();
--> statement-breakpoint
CREATE TRIGGER tell_deleted AFTER DELETE ON class_roster REFERENCING OLD TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION rollcall_tell_change();
--> statement-breakpoint
CREATE TRIGGER tell_updated AFTER UPDATE ON classes FOR EACH ROW
  WHEN ((OLD.status, OLD.start_at, OLD.end_at, OLD.subject, OLD.missing, OLD.settled_at, OLD.capture_problem)
    IS DISTINCT FROM (NEW.status, NEW.start_at, NEW.end_at, NEW.subject, NEW.missing, NEW.settled_at, NEW.capture_problem))
  EXECUTE FUNCTION rollcall_tell_class_change();
--> statement-breakpoint
CREATE TRIGGER tell_closed AFTER UPDATE ON whiteboard_connections FOR EACH ROW
  WHEN (OLD.closed_at IS NULL AND NEW.closed_at IS NOT NULL)
  EXECUTE FUNCTION rollcall_tell_closed();
