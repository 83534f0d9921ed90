CREATE TABLE "calculations" (
	"tenant_id" text NOT NULL,
	"class_id" uuid NOT NULL,
	"version" integer NOT NULL,
	"inputs_hash" text NOT NULL,
	"policy" text NOT NULL,
	"policy_preset" text NOT NULL,
	"policy_version" integer NOT NULL,
	"is_complete" boolean NOT NULL,
	"missing" jsonb NOT NULL,
	"stays" jsonb NOT NULL,
	"calculated_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "calculations_tenant_id_class_id_version_pk" PRIMARY KEY("tenant_id","class_id","version")
);
--> statement-breakpoint
CREATE TABLE "class_identities" (
	"tenant_id" text NOT NULL,
	"class_id" uuid NOT NULL,
	"identity_id" uuid NOT NULL,
	"state" text NOT NULL,
	"person_id" uuid,
	CONSTRAINT "class_identities_tenant_id_class_id_identity_id_pk" PRIMARY KEY("tenant_id","class_id","identity_id")
);
--> statement-breakpoint
CREATE TABLE "class_roster" (
	"tenant_id" text NOT NULL,
	"class_id" uuid NOT NULL,
	"person_id" uuid NOT NULL,
	"role" text NOT NULL,
	CONSTRAINT "class_roster_tenant_id_class_id_person_id_pk" PRIMARY KEY("tenant_id","class_id","person_id")
);
--> statement-breakpoint
CREATE TABLE "classes" (
	"tenant_id" text NOT NULL,
	"id" uuid DEFAULT gen_random_uuid() NOT NULL,
	"external_id" text,
	"request" jsonb NOT NULL,
	"subject" text NOT NULL,
	"session_type" text NOT NULL,
	"provider" text NOT NULL,
	"policy" text NOT NULL,
	"policy_version" integer,
	"time_zone" text NOT NULL,
	"policy_date" text NOT NULL,
	"start_at" timestamp (3) with time zone NOT NULL,
	"end_at" timestamp (3) with time zone NOT NULL,
	"status" text DEFAULT 'scheduled' NOT NULL,
	"open_lead_seconds" integer NOT NULL,
	"poll_seconds" integer NOT NULL,
	"verify_seconds" integer NOT NULL,
	"grace_seconds" integer NOT NULL,
	"meeting_code" text,
	"scheduled_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	"opened_at" timestamp (3) with time zone,
	"ended_at" timestamp (3) with time zone,
	"settled_at" timestamp (3) with time zone,
	"cancelled_at" timestamp (3) with time zone,
	"cancel_reason" text,
	"capture_problem" jsonb,
	"missing" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"is_complete" boolean DEFAULT false NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"plan_version" integer DEFAULT 1 NOT NULL,
	"plan_rung_version" integer DEFAULT 1 NOT NULL,
	"workflow_started_at" timestamp (3) with time zone,
	"workflow_due_at" timestamp (3) with time zone,
	"last_rung_at" timestamp (3) with time zone,
	CONSTRAINT "classes_tenant_id_id_pk" PRIMARY KEY("tenant_id","id")
);
--> statement-breakpoint
CREATE TABLE "events" (
	"tenant_id" text NOT NULL,
	"id" bigint GENERATED ALWAYS AS IDENTITY (sequence name "events_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"class_id" uuid NOT NULL,
	"source" text NOT NULL,
	"source_event_id" text NOT NULL,
	"kind" text NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"joined_at" timestamp (3) with time zone,
	"until_at" timestamp (3) with time zone,
	"connection" text,
	"room" text,
	"person_id" uuid,
	"identity" text,
	"reason" text,
	"content_hash" text NOT NULL,
	"received_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "events_tenant_id_id_pk" PRIMARY KEY("tenant_id","id"),
	CONSTRAINT "events_source_event" UNIQUE("tenant_id","source","source_event_id")
);
--> statement-breakpoint
CREATE TABLE "idempotency_keys" (
	"tenant_id" text NOT NULL,
	"key" text NOT NULL,
	"request_hash" text NOT NULL,
	"status" integer,
	"body" jsonb,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "idempotency_keys_tenant_id_key_pk" PRIMARY KEY("tenant_id","key")
);
--> statement-breakpoint
CREATE TABLE "identities" (
	"tenant_id" text NOT NULL,
	"id" uuid DEFAULT gen_random_uuid() NOT NULL,
	"source" text NOT NULL,
	"identity" text NOT NULL,
	"kind" text NOT NULL,
	"display_name" text,
	"email" text,
	"looked_up_at" timestamp (3) with time zone,
	"person_id" uuid,
	"first_seen_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "identities_tenant_id_id_pk" PRIMARY KEY("tenant_id","id"),
	CONSTRAINT "identities_name" UNIQUE("tenant_id","source","identity")
);
--> statement-breakpoint
CREATE TABLE "identity_decisions" (
	"tenant_id" text NOT NULL,
	"id" bigint GENERATED ALWAYS AS IDENTITY (sequence name "identity_decisions_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"identity_id" uuid NOT NULL,
	"action" text NOT NULL,
	"person_id" uuid,
	"remember" boolean DEFAULT false NOT NULL,
	"class_ids" jsonb NOT NULL,
	"decided_by" text NOT NULL,
	"decided_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "identity_decisions_tenant_id_id_pk" PRIMARY KEY("tenant_id","id")
);
--> statement-breakpoint
CREATE TABLE "people" (
	"tenant_id" text NOT NULL,
	"id" uuid DEFAULT gen_random_uuid() NOT NULL,
	"email" text NOT NULL,
	"name" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "people_tenant_id_id_pk" PRIMARY KEY("tenant_id","id"),
	CONSTRAINT "people_email" UNIQUE("tenant_id","email")
);
--> statement-breakpoint
CREATE TABLE "policies" (
	"tenant_id" text NOT NULL,
	"name" text NOT NULL,
	"version" integer NOT NULL,
	"effective_from" text NOT NULL,
	"definition" jsonb NOT NULL,
	"created_by" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "policies_tenant_id_name_version_pk" PRIMARY KEY("tenant_id","name","version")
);
--> statement-breakpoint
CREATE TABLE "records" (
	"tenant_id" text NOT NULL,
	"class_id" uuid NOT NULL,
	"version" integer NOT NULL,
	"person_id" uuid NOT NULL,
	"status" text NOT NULL,
	"is_final" boolean NOT NULL,
	"attendance" jsonb NOT NULL,
	CONSTRAINT "records_tenant_id_class_id_version_person_id_pk" PRIMARY KEY("tenant_id","class_id","version","person_id")
);
--> statement-breakpoint
CREATE TABLE "sessions" (
	"tenant_id" text NOT NULL,
	"class_id" uuid NOT NULL,
	"space_name" text,
	"meeting_code" text,
	"meeting_uri" text,
	"room_name" text,
	"organizer_person_id" uuid,
	"closed_at" timestamp (3) with time zone,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "sessions_tenant_id_class_id_pk" PRIMARY KEY("tenant_id","class_id")
);
--> statement-breakpoint
CREATE TABLE "source_completions" (
	"tenant_id" text NOT NULL,
	"class_id" uuid NOT NULL,
	"source" text NOT NULL,
	"declared_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "source_completions_tenant_id_class_id_source_pk" PRIMARY KEY("tenant_id","class_id","source")
);
--> statement-breakpoint
CREATE TABLE "sources" (
	"tenant_id" text NOT NULL,
	"name" text NOT NULL,
	"kind" text NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "sources_tenant_id_name_pk" PRIMARY KEY("tenant_id","name")
);
--> statement-breakpoint
CREATE TABLE "sweeps" (
	"tenant_id" text NOT NULL,
	"id" bigint GENERATED ALWAYS AS IDENTITY (sequence name "sweeps_id_seq" INCREMENT BY 1 MINVALUE 1 MAXVALUE 9223372036854775807 START WITH 1 CACHE 1),
	"class_id" uuid NOT NULL,
	"source" text NOT NULL,
	"at" timestamp (3) with time zone NOT NULL,
	"ok" boolean NOT NULL,
	"scope" text NOT NULL,
	"room_existed" boolean,
	"rooms" jsonb NOT NULL,
	"connections" jsonb NOT NULL,
	"error" text,
	CONSTRAINT "sweeps_tenant_id_id_pk" PRIMARY KEY("tenant_id","id"),
	CONSTRAINT "sweeps_instant" UNIQUE("tenant_id","class_id","source","at")
);
--> statement-breakpoint
CREATE TABLE "tenants" (
	"tenant_id" text PRIMARY KEY NOT NULL,
	"name" text NOT NULL,
	"time_zone" text DEFAULT 'UTC' NOT NULL,
	"currency" text DEFAULT 'USD' NOT NULL,
	"settings" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"created_at" timestamp (3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
ALTER TABLE "calculations" ADD CONSTRAINT "calculations_tenant_id_class_id_classes_tenant_id_id_fk" FOREIGN KEY ("tenant_id","class_id") REFERENCES "public"."classes"("tenant_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "class_identities" ADD CONSTRAINT "class_identities_tenant_id_class_id_classes_tenant_id_id_fk" FOREIGN KEY ("tenant_id","class_id") REFERENCES "public"."classes"("tenant_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "class_identities" ADD CONSTRAINT "class_identities_tenant_id_identity_id_identities_tenant_id_id_fk" FOREIGN KEY ("tenant_id","identity_id") REFERENCES "public"."identities"("tenant_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "class_identities" ADD CONSTRAINT "class_identities_tenant_id_person_id_people_tenant_id_id_fk" FOREIGN KEY ("tenant_id","person_id") REFERENCES "public"."people"("tenant_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "class_roster" ADD CONSTRAINT "class_roster_tenant_id_class_id_classes_tenant_id_id_fk" FOREIGN KEY ("tenant_id","class_id") REFERENCES "public"."classes"("tenant_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "class_roster" ADD CONSTRAINT "class_roster_tenant_id_person_id_people_tenant_id_id_fk" FOREIGN KEY ("tenant_id","person_id") REFERENCES "public"."people"("tenant_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "events" ADD CONSTRAINT "events_tenant_id_class_id_classes_tenant_id_id_fk" FOREIGN KEY ("tenant_id","class_id") REFERENCES "public"."classes"("tenant_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "identities" ADD CONSTRAINT "identities_tenant_id_person_id_people_tenant_id_id_fk" FOREIGN KEY ("tenant_id","person_id") REFERENCES "public"."people"("tenant_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "identity_decisions" ADD CONSTRAINT "identity_decisions_tenant_id_identity_id_identities_tenant_id_id_fk" FOREIGN KEY ("tenant_id","identity_id") REFERENCES "public"."identities"("tenant_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "records" ADD CONSTRAINT "records_tenant_id_class_id_version_calculations_tenant_id_class_id_version_fk" FOREIGN KEY ("tenant_id","class_id","version") REFERENCES "public"."calculations"("tenant_id","class_id","version") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "sessions" ADD CONSTRAINT "sessions_tenant_id_class_id_classes_tenant_id_id_fk" FOREIGN KEY ("tenant_id","class_id") REFERENCES "public"."classes"("tenant_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "sessions" ADD CONSTRAINT "sessions_tenant_id_organizer_person_id_people_tenant_id_id_fk" FOREIGN KEY ("tenant_id","organizer_person_id") REFERENCES "public"."people"("tenant_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "source_completions" ADD CONSTRAINT "source_completions_tenant_id_class_id_classes_tenant_id_id_fk" FOREIGN KEY ("tenant_id","class_id") REFERENCES "public"."classes"("tenant_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "sweeps" ADD CONSTRAINT "sweeps_tenant_id_class_id_classes_tenant_id_id_fk" FOREIGN KEY ("tenant_id","class_id") REFERENCES "public"."classes"("tenant_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "class_identities_identity" ON "class_identities" USING btree ("tenant_id","identity_id");--> statement-breakpoint
CREATE INDEX "class_roster_person" ON "class_roster" USING btree ("tenant_id","person_id");--> statement-breakpoint
CREATE UNIQUE INDEX "classes_external_id" ON "classes" USING btree ("tenant_id","external_id") WHERE "classes"."external_id" is not null;--> statement-breakpoint
CREATE INDEX "classes_start" ON "classes" USING btree ("tenant_id","start_at","id");--> statement-breakpoint
CREATE INDEX "classes_unsettled" ON "classes" USING btree ("workflow_due_at") WHERE "classes"."settled_at" is null;--> statement-breakpoint
CREATE INDEX "events_class" ON "events" USING btree ("tenant_id","class_id","id");--> statement-breakpoint
CREATE INDEX "idempotency_keys_created" ON "idempotency_keys" USING btree ("tenant_id","created_at");--> statement-breakpoint
CREATE INDEX "records_person" ON "records" USING btree ("tenant_id","person_id");--> statement-breakpoint
CREATE INDEX "sessions_space" ON "sessions" USING btree ("tenant_id","space_name");--> statement-breakpoint
CREATE INDEX "sessions_code" ON "sessions" USING btree ("tenant_id","meeting_code");--> statement-breakpoint
-- From here on by hand: row security and the rights of the app role, which drizzle-kit does not generate.
DO $$ BEGIN
  CREATE ROLE rollcall_app NOLOGIN;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; -- roles belong to the cluster, another database may have made it
END $$;
--> statement-breakpoint
DO $$ BEGIN
  EXECUTE format('GRANT rollcall_app TO %I', current_user);
EXCEPTION WHEN OTHERS THEN
  IF NOT pg_has_role(current_user, 'rollcall_app', 'MEMBER') THEN RAISE; END IF;
END $$;
--> statement-breakpoint
DO $$ BEGIN
  EXECUTE format('GRANT USAGE ON SCHEMA %I TO rollcall_app', current_schema());
END $$;
--> statement-breakpoint
-- A transaction sees the rows of the tenant in app.tenant and no others; when it is not set, none at all.
DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['tenants', 'people', 'classes', 'class_roster', 'sessions', 'sources', 'source_completions',
    'events', 'sweeps', 'identities', 'class_identities', 'identity_decisions', 'policies', 'calculations', 'records',
    'idempotency_keys']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY', t);
    EXECUTE format('ALTER TABLE %I FORCE ROW LEVEL SECURITY', t);
    EXECUTE format('CREATE POLICY tenant_rows ON %I USING (tenant_id = current_setting(''app.tenant'', true)) '
      'WITH CHECK (tenant_id = current_setting(''app.tenant'', true))', t);
    EXECUTE format('GRANT SELECT, INSERT ON %I TO rollcall_app', t);
  END LOOP;
  FOREACH t IN ARRAY ARRAY['tenants', 'people', 'classes', 'sessions', 'identities', 'class_identities', 'idempotency_keys']
  LOOP
    EXECUTE format('GRANT UPDATE ON %I TO rollcall_app', t);
  END LOOP;
  GRANT DELETE ON class_roster, idempotency_keys TO rollcall_app;
END $$;
--> statement-breakpoint
-- The log is appended to and never changed, not even by the owner of the tables.
CREATE FUNCTION rollcall_refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'table % is append-only: % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'insufficient_privilege';
END $$;
--> statement-breakpoint
DO $$
DECLARE t text;
BEGIN
  FOREACH t IN ARRAY ARRAY['events', 'sweeps', 'identity_decisions', 'policies', 'calculations', 'records']
  LOOP
    EXECUTE format('CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON %I '
      'FOR EACH STATEMENT EXECUTE FUNCTION rollcall_refuse_change()', t);
  END LOOP;
END $$;
--> statement-breakpoint
-- The sweeper looks across tenants and learns only which class wants its workflow started or rung. Row security is
-- forced on the owner too, so the owner, whose rights the function borrows, needs a policy of its own to read classes.
CREATE POLICY owner_reads ON classes FOR SELECT TO CURRENT_USER USING (true);
--> statement-breakpoint
CREATE FUNCTION rollcall_neglected_classes(silence interval, max_rows integer)
RETURNS TABLE (tenant_id text, class_id uuid)
LANGUAGE sql STABLE SECURITY DEFINER AS $$
  SELECT c.tenant_id, c.id FROM classes c
  WHERE c.settled_at IS NULL
    AND (c.workflow_started_at IS NULL
      OR c.plan_rung_version < c.plan_version
      OR (coalesce(c.workflow_due_at, c.start_at) < now() - silence AND c.workflow_started_at < now() - silence)
      -- About to be opened: a workflow that Temporal lost is missed before the start and not after it. Asked once, since
      -- asking counts as starting.
      OR (c.status = 'scheduled' AND coalesce(c.workflow_due_at, c.start_at) < now() + interval '2 minutes'
        AND c.workflow_started_at < now() - interval '10 minutes'))
  -- Who was never looked after first, then whoever was so longest ago: nobody starves behind a class that cannot be helped.
  ORDER BY c.workflow_started_at NULLS FIRST, c.start_at
  LIMIT max_rows
$$;
--> statement-breakpoint
-- A path that does not name pg_temp is searched there first: anybody's temporary view `classes` would run as the owner.
DO $$ BEGIN
  EXECUTE format('ALTER FUNCTION rollcall_neglected_classes(interval, integer) SET search_path = %I, pg_temp',
    current_schema());
END $$;
--> statement-breakpoint
REVOKE ALL ON FUNCTION rollcall_neglected_classes(interval, integer) FROM PUBLIC;
--> statement-breakpoint
GRANT EXECUTE ON FUNCTION rollcall_neglected_classes(interval, integer) TO rollcall_app;
