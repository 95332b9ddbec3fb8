CREATE TABLE "articles" (
	"name" text PRIMARY KEY NOT NULL,
	"stock" integer NOT NULL
);
--> statement-breakpoint
CREATE TABLE "customers" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
	"name" text NOT NULL
);
--> statement-breakpoint
CREATE TABLE "orders" (
	"id" integer PRIMARY KEY GENERATED ALWAYS AS IDENTITY,
	"customer_id" integer NOT NULL REFERENCES "customers"("id"),
	"article" text NOT NULL REFERENCES "articles"("name"),
	"amount" integer NOT NULL,
	"placed" timestamp with time zone DEFAULT now() NOT NULL
);
