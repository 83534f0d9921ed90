CREATE TABLE "alerts" (
	"tenant_id" text NOT NULL,
	"id" bigint GENERATED ALWAYS AS IDENTITY (sequence name "alerts_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"class_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"about" text DEFAULT '' NOT NULL,
	"message" text NOT NULL,
	"raised_at" timestamp (3) with time zone NOT NULL,
	"resolved_at" timestamp (3) with time zone,
	CONSTRAINT "alerts_tenant_id_id_pk" PRIMARY KEY("tenant_id","id")
);
--> statement-breakpoint
CREATE TABLE "webhook_deliveries" (
	"tenant_id" text NOT NULL,
	"id" uuid DEFAULT gen_random_uuid() NOT NULL,
	"message_id" uuid NOT NULL,
	"endpoint_id" uuid NOT NULL,
	"status" text DEFAULT 'pending' NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"last_status" integer,
	"last_error" text,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"started_at" timestamp (3) with time zone,
	"ended_at" timestamp (3) with time zone,
	CONSTRAINT "webhook_deliveries_tenant_id_id_pk" PRIMARY KEY("tenant_id","id")
);
--> statement-breakpoint
CREATE TABLE "webhook_endpoints" (
	"tenant_id" text NOT NULL,
	"id" uuid DEFAULT gen_random_uuid() NOT NULL,
	"url" text NOT NULL,
	"events" jsonb NOT NULL,
	"secret" text NOT NULL,
	"created_by" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"failing_since" timestamp (3) with time zone,
	"disabled_at" timestamp (3) with time zone,
	"disabled_reason" text,
	CONSTRAINT "webhook_endpoints_tenant_id_id_pk" PRIMARY KEY("tenant_id","id")
);
--> statement-breakpoint
CREATE TABLE "webhook_messages" (
	"tenant_id" text NOT NULL,
	"id" uuid DEFAULT gen_random_uuid() NOT NULL,
	"class_id" uuid NOT NULL,
	"event" text NOT NULL,
	"payload" jsonb NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "webhook_messages_tenant_id_id_pk" PRIMARY KEY("tenant_id","id")
);
--> statement-breakpoint
ALTER TABLE "classes" ADD COLUMN "alerts_due_at" timestamp (3) with time zone;--> statement-breakpoint
ALTER TABLE "alerts" ADD CONSTRAINT "alerts_tenant_id_class_id_classes_tenant_id_id_fk" FOREIGN KEY ("tenant_id","class_id") REFERENCES "public"."classes"("tenant_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "webhook_deliveries" ADD CONSTRAINT "webhook_deliveries_tenant_id_message_id_webhook_messages_tenant_id_id_fk" FOREIGN KEY ("tenant_id","message_id") REFERENCES "public"."webhook_messages"("tenant_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "webhook_deliveries" ADD CONSTRAINT "webhook_deliveries_tenant_id_endpoint_id_webhook_endpoints_tenant_id_id_fk" FOREIGN KEY ("tenant_id","endpoint_id") REFERENCES "public"."webhook_endpoints"("tenant_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "webhook_messages" ADD CONSTRAINT "webhook_messages_tenant_id_class_id_classes_tenant_id_id_fk" FOREIGN KEY ("tenant_id","class_id") REFERENCES "public"."classes"("tenant_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE UNIQUE INDEX "alerts_raised" ON "alerts" USING btree ("tenant_id","class_id","kind","about") WHERE "alerts"."resolved_at" is null;--> statement-breakpoint
CREATE INDEX "alerts_class" ON "alerts" USING btree ("tenant_id","class_id","id");--> statement-breakpoint
CREATE INDEX "webhook_deliveries_endpoint" ON "webhook_deliveries" USING btree ("tenant_id","endpoint_id","created_at");--> statement-breakpoint
CREATE INDEX "webhook_deliveries_unstarted" ON "webhook_deliveries" USING btree ("created_at") WHERE "webhook_deliveries"."started_at" is null;--> statement-breakpoint
CREATE INDEX "webhook_messages_created" ON "webhook_messages" USING btree ("tenant_id","created_at","id");--> statement-breakpoint
CREATE INDEX "classes_open" ON "classes" USING btree ("start_at") WHERE "classes"."status" = 'open';--> statement-breakpoint
-- From here on by hand: rights, row security, and what looks across tenants.
DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['alerts', 'webhook_endpoints', 'webhook_messages', 'webhook_deliveries']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY tenant_rows ON %I USING (tenant_id = current_setting(''app.tenant'', true)) '
      'WITH CHECK (tenant_id = current_setting(''app.tenant'', true))', t);
    EXECUTE format('GRANT SELECT, INSERT ON %I TO rollcall_app', t);
  END LOOP;
  GRANT UPDATE ON webhook_endpoints, webhook_deliveries TO rollcall_app;
  GRANT UPDATE (resolved_at) ON alerts TO rollcall_app;
END $$;
--> statement-breakpoint
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON webhook_messages
  FOR EACH STATEMENT EXECUTE FUNCTION rollcall_refuse_change();
--> statement-breakpoint
CREATE POLICY owner_reads ON webhook_deliveries FOR SELECT TO CURRENT_USER USING (true);
--> statement-breakpoint
-- Classes that are on and have not been looked at, or are due for another look.
CREATE FUNCTION rollcall_classes_to_look_at(at_now timestamptz, max_rows integer)
RETURNS TABLE (tenant_id text, class_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER AS $$
  SELECT c.tenant_id, c.id FROM classes c
  WHERE c.status = 'open' AND c.start_at <= at_now AND coalesce(c.alerts_due_at, c.start_at) <= at_now
  ORDER BY c.alerts_due_at NULLS FIRST
  LIMIT max_rows
$$;
--> statement-breakpoint
-- Deliveries whose workflow nobody has started yet.
CREATE FUNCTION rollcall_unstarted_deliveries(max_rows integer)
RETURNS TABLE (tenant_id text, id uuid)
LANGUAGE sql STABLE SECURITY DEFINER AS $$
  SELECT d.tenant_id, d.id FROM webhook_deliveries d
  WHERE d.started_at IS NULL AND d.status = 'pending'
  ORDER BY d.created_at LIMIT max_rows
$$;
--> statement-breakpoint
DO $$
DECLARE f text;
BEGIN
  FOREACH f IN ARRAY ARRAY['rollcall_classes_to_look_at(timestamptz, integer)', 'rollcall_unstarted_deliveries(integer)']
  LOOP
    EXECUTE format('ALTER FUNCTION %s SET search_path = %I, pg_temp', f, current_schema());
    EXECUTE format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
    EXECUTE format('GRANT EXECUTE ON FUNCTION %s TO rollcall_app', f);
  END LOOP;
END $$;
--> statement-breakpoint
-- Alerts are shown live, and somebody unmatched is looked at at once.
CREATE TRIGGER tell_inserted AFTER INSERT ON alerts REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION rollcall_tell_change();
--> statement-breakpoint
CREATE TRIGGER tell_updated AFTER UPDATE ON alerts REFERENCING NEW TABLE AS changed
  FOR EACH STATEMENT EXECUTE FUNCTION rollcall_tell_change();
--> statement-breakpoint
CREATE FUNCTION rollcall_look_at_once() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE classes SET alerts_due_at = now() WHERE tenant_id = NEW.tenant_id AND id = NEW.class_id AND status = 'open';
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER look_at_unmatched AFTER INSERT ON class_identities FOR EACH ROW
  WHEN (NEW.state = 'unmatched') EXECUTE FUNCTION rollcall_look_at_once();
--> statement-breakpoint
-- What was cause for alarm while the class was on is none any more.
CREATE FUNCTION rollcall_resolve_alerts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE alerts SET resolved_at = now() WHERE tenant_id = NEW.tenant_id AND class_id = NEW.id AND resolved_at IS NULL;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER resolve_alerts AFTER UPDATE ON classes FOR EACH ROW
  WHEN (OLD.status = 'open' AND NEW.status <> 'open')
  EXECUTE FUNCTION rollcall_resolve_alerts();
