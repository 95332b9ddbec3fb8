ALTER TABLE "articles" ADD CONSTRAINT "stock_check" CHECK ("stock" >= 0);
