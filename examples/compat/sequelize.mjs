// deno-lint-ignore-file no-console
/**
 * Sequelize on this driver: tables, a transaction, an error.
 *
 * Prints:
 *
 * ```
 * created: 1 Ada {"admin":true}
 * rolled back: 1 user
 * refused: SequelizeUniqueConstraintError name must be unique
 * found: Ada, since 2026, 9007199254740993
 * ```
 */
import { DataTypes, QueryTypes, Sequelize, UniqueConstraintError } from "sequelize";

const sequelize = new Sequelize(process.env.DATABASE_URL, { logging: false, pool: { max: 3 } });
const User = sequelize.define("user", {
  name: { type: DataTypes.TEXT, unique: true, allowNull: false },
  rights: DataTypes.JSONB,
  since: DataTypes.DATE,
  visits: DataTypes.BIGINT,
}, { timestamps: false });

// What umzug would do: an up and a down over the query interface.
const migration = {
  up: (db) => User.sync().then(() => db.addIndex("users", ["since"])),
  down: (db) => db.dropTable("users"),
};
await migration.up(sequelize.getQueryInterface());

const ada = await User.create({
  name: "Ada",
  rights: { admin: true },
  since: new Date("2026-01-01T00:00:00Z"),
  visits: "9007199254740993",
});
console.log(`created: ${ada.id} ${ada.name} ${JSON.stringify(ada.rights)}`);

await sequelize.transaction(async (transaction) => {
  await User.create({ name: "Lost" }, { transaction });
  throw new Error("changed my mind");
}).catch(() => {});
console.log(`rolled back: ${await User.count()} user`);

try {
  await User.create({ name: "Ada" });
} catch (error) {
  if (!(error instanceof UniqueConstraintError)) throw error;
  console.log(`refused: ${error.name} ${error.errors[0].message}`);
}

const [found] = await sequelize.query("select name, since, visits from users where name = $1", {
  bind: ["Ada"],
  type: QueryTypes.SELECT,
});
console.log(`found: ${found.name}, since ${found.since.getUTCFullYear()}, ${found.visits}`);

await migration.down(sequelize.getQueryInterface());
await sequelize.close();
