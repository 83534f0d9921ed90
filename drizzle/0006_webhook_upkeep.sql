DROP INDEX "classes_open";--> statement-breakpoint
DROP INDEX "webhook_deliveries_unstarted";--> statement-breakpoint
ALTER TABLE "webhook_endpoints" ADD COLUMN "previous_secret" text;--> statement-breakpoint
ALTER TABLE "webhook_endpoints" ADD COLUMN "previous_until" timestamp (3) with time zone;--> statement-breakpoint
CREATE INDEX "classes_watched" ON "classes" USING btree ("start_at") WHERE "classes"."status" in ('open', 'scheduled');--> statement-breakpoint
CREATE INDEX "webhook_deliveries_message" ON "webhook_deliveries" USING btree ("tenant_id","message_id");--> statement-breakpoint
CREATE INDEX "webhook_deliveries_under_way" ON "webhook_deliveries" USING btree ("started_at") WHERE "webhook_deliveries"."status" = 'pending';
--> statement-breakpoint
-- From here on by hand.
-- Deliveries that nobody has begun, and those of whose workflow nothing was heard for longer than it ever waits between two
-- attempts (four hours): Temporal lost it. The schools take turns, so that the replay of one keeps no other waiting.
DROP FUNCTION rollcall_unstarted_deliveries(integer);
--> statement-breakpoint
CREATE FUNCTION rollcall_neglected_deliveries(max_rows integer)
RETURNS TABLE (tenant_id text, id uuid)
LANGUAGE sql STABLE SECURITY DEFINER AS $$
  SELECT due.tenant_id, due.id FROM (
    SELECT d.tenant_id, d.id, d.created_at,
      row_number() OVER (PARTITION BY d.tenant_id ORDER BY d.created_at) AS nth
    FROM webhook_deliveries d
    WHERE d.status = 'pending' AND (d.started_at IS NULL OR d.started_at < now() - interval '5 hours')) due
  ORDER BY due.nth, due.created_at LIMIT max_rows
$$;
--> statement-breakpoint
-- What other systems were told is kept for thirty days, to be sent again.
DROP TRIGGER append_only ON webhook_messages;
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR TRUNCATE ON webhook_messages
  FOR EACH STATEMENT EXECUTE FUNCTION rollcall_refuse_change();
--> statement-breakpoint
CREATE TRIGGER kept BEFORE DELETE ON webhook_messages FOR EACH ROW
  WHEN (OLD.created_at > now() - interval '30 days') EXECUTE FUNCTION rollcall_refuse_change();
--> statement-breakpoint
GRANT DELETE ON webhook_messages, webhook_deliveries TO rollcall_app;
--> statement-breakpoint
CREATE POLICY owner_reads ON webhook_messages FOR SELECT TO CURRENT_USER USING (true);
--> statement-breakpoint
CREATE FUNCTION rollcall_tenants_with_old_messages(max_rows integer)
RETURNS TABLE (tenant_id text)
LANGUAGE sql STABLE SECURITY DEFINER AS $$
  SELECT DISTINCT m.tenant_id FROM webhook_messages m
  WHERE m.created_at < now() - interval '30 days' LIMIT max_rows
$$;
--> statement-breakpoint
-- Also classes that nobody has opened a minute after their start: then no worker is at work, and nothing is captured by it.
CREATE OR REPLACE FUNCTION rollcall_classes_to_look_at(at_now timestamptz, max_rows integer)
RETURNS TABLE (tenant_id text, class_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER AS $$
  SELECT c.tenant_id, c.id FROM classes c
  WHERE c.status IN ('open', 'scheduled') AND coalesce(c.alerts_due_at, c.start_at) <= at_now
    AND c.start_at <= at_now - CASE c.status WHEN 'open' THEN interval '0' ELSE interval '1 minute' END
  ORDER BY c.alerts_due_at NULLS FIRST
  LIMIT max_rows
$$;
--> statement-breakpoint
DO $$
DECLARE f text;
BEGIN
  FOREACH f IN ARRAY ARRAY['rollcall_classes_to_look_at(timestamptz, integer)', 'rollcall_neglected_deliveries(integer)',
    'rollcall_tenants_with_old_messages(integer)']
  LOOP
    EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', f, current_schema());
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO rollcall_app', f);
  END LOOP;
END $$;
--> statement-breakpoint
-- Somebody who was matched, and is not any more, is looked at at once too.
DROP TRIGGER look_at_unmatched ON class_identities;
--> statement-breakpoint
CREATE TRIGGER look_at_unmatched AFTER INSERT OR UPDATE OF state ON class_identities FOR EACH ROW
  WHEN (NEW.state = 'unmatched') EXECUTE FUNCTION rollcall_look_at_once();
--> statement-breakpoint
-- A class that moves is looked at by its new times.
CREATE FUNCTION rollcall_look_anew() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.alerts_due_at := NULL;
  RETURN NEW;
END $$;
--> statement-breakpoint
CREATE TRIGGER look_anew BEFORE UPDATE OF start_at, end_at ON classes FOR EACH ROW
  WHEN (OLD.start_at <> NEW.start_at OR OLD.end_at <> NEW.end_at) EXECUTE FUNCTION rollcall_look_anew();
