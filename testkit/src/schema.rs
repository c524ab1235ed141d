//! Checks of a service's schema: each migration still leaves the schema that was recorded for it, and the last one
//! leaves the tables of the entities.
//!
//! A migration that has run somewhere must do the same everywhere, for ever. So `history.sqlite.sql` and
//! `history.postgres.sql` beside the migrations record the schema after each of them, and a test compares the record of
//! the database that it runs on.
#![expect(clippy::expect_used, reason = "a helper of tests fails by panicking")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use sea_orm::sea_query::TableCreateStatement;
use sea_orm::{ConnectionTrait, Database, DatabaseConnection, DbBackend, EntityTrait, Schema, Statement};
use sea_orm_migration::MigratorTrait;

use crate::app::empty_postgres;

/// The beginning of the line that names a migration in the record.
const MIGRATION_PREFIX: &str = "-- ";

/// A function that returns the `CREATE TABLE` statement of an entity for a kind of database.
pub type Table = fn(DbBackend) -> TableCreateStatement;

/// Returns the [`Table`] of the entity `E`.
pub const fn table<E: EntityTrait>() -> Table {
    |backend| Schema::new(backend).create_table_from_entity(E::default())
}

/// The tables that `shared` adds to every service for its events.
const EVENT_TABLES: [Table; 3] = [
    table::<shared::outbox::table::Entity>(),
    table::<shared::events::dead_letters::Entity>(),
    table::<shared::events::fills::Entity>(),
];

/// Asserts that each migration leaves the schema that is recorded for it. `package` is the service's folder.
///
/// # Panics
/// If an old migration leaves another schema than before. Also once for new migrations at the end of the list: these
/// are added to the record, which their author is expected to read and commit.
pub async fn check_history<M: MigratorTrait>(package: &str) {
    let db = empty_database().await;
    let database = if is_postgres(&db) { "postgres" } else { "sqlite" };
    let path = Path::new(package).join(format!("src/db/migrations/history.{database}.sql"));
    let (recorded, history) = (fs::read_to_string(&path).unwrap_or_default(), history::<M>(&db).await);
    if recorded == history {
        return;
    }
    // Text that does not begin with a migration of its own would belong to the last one that is recorded.
    if let Some(new) = history.strip_prefix(&recorded).filter(|new| new.starts_with(MIGRATION_PREFIX)) {
        fs::write(&path, &history).expect("the record can be written");
        panic!("{} has grown by this; read and commit it:\n{new}", path.display());
    }
    // The first line that differs tells more than the whole difference of two long files.
    let same = recorded.lines().zip(history.lines()).take_while(|(recorded, now)| recorded == now).count();
    let line = |text: &str| text.lines().nth(same).unwrap_or("(nothing)").to_owned();
    panic!(
        "{}, line {}: an old migration has changed, or a new one does not stand at the end of the list.\n\
         recorded: {}\n     now: {}",
        path.display(),
        same + 1,
        line(&recorded),
        line(&history)
    );
}

/// The beginnings of the names of the tables that have no entity: the indexes of words and of parts of names, whose form
/// differs between the databases, with the tables that SQLite makes for them.
const WORD_INDEXES: [&str; 2] = ["post_words", "name_parts"];

/// Asserts that the migrations lead to exactly the tables and columns of the entities: their names, types, nullability,
/// primary keys, and ids that the database generates. `tables` are the tables of the service's own entities and of
/// those entities in `shared` that only some services use.
///
/// # Panics
/// If a column differs, if a table has no entity, or if an entity in the service's sources is missing in `tables`.
pub async fn check_entities<M: MigratorTrait>(package: &str, tables: &[Table]) {
    let (migrated, declared) = (empty_database().await, empty_database().await);
    M::up(&migrated, None).await.expect("the migrations run");
    // One database gets its tables from the migrations, the other one from the entities; both catalogues are compared,
    // so that differences in notation which the database does not see do not count.
    for table in EVENT_TABLES.iter().chain(tables) {
        let statement = table(declared.get_database_backend());
        declared.execute(&statement).await.expect("the list names each table once");
    }
    let (migrated, declared) = (columns(&migrated).await, columns(&declared).await);
    let mut differences: Vec<String> = migrated
        .keys()
        .chain(declared.keys().filter(|column| !migrated.contains_key(*column)))
        .map(|column| (column, migrated.get(column), declared.get(column)))
        .filter(|(column, migrated, declared)| {
            migrated != declared && !WORD_INDEXES.iter().any(|index| column.starts_with(index))
        })
        .map(|(column, migrated, declared)| format!("{column}: migrations {migrated:?}, entity {declared:?}"))
        .collect();
    // An entity that `tables` forgets would never be compared, so the sources are searched for entities.
    let mut known = BTreeSet::new();
    for table in tables_of_entities(&Path::new(package).join("src")) {
        if !declared.keys().any(|column| column.starts_with(&format!("{table}."))) {
            differences.push(format!("the list of this test does not name the entity of {table}"));
        }
        if !known.insert(table.clone()) {
            differences.push(format!("two entities name the table {table}"));
        }
    }
    assert!(differences.is_empty(), "{differences:#?}");
}

/// Returns the table names that the entities in a folder of sources declare, found as text.
fn tables_of_entities(folder: &Path) -> Vec<String> {
    let mut tables = Vec::new();
    for path in files(folder) {
        let text = fs::read_to_string(path).unwrap_or_default();
        let named = text.split("table_name = \"").skip(1).filter_map(|rest| rest.split_once('"'));
        tables.extend(named.map(|(table, _)| table.to_owned()));
    }
    tables
}

/// Returns all files below a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("a folder of sources").map(|entry| entry.expect("an entry").path());
    entries.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Runs the migrations one by one, and returns the record: each migration's name, followed by the statements of the
/// tables, constraints and indexes that differ after it.
async fn history<M: MigratorTrait>(db: &DatabaseConnection) -> String {
    let (mut history, mut before) = (String::new(), BTreeMap::new());
    for migration in M::migrations() {
        M::up(db, Some(1)).await.expect("the migration runs");
        let after = definitions(db).await;
        history.push_str(&format!("{MIGRATION_PREFIX}{}\n", migration.name()));
        for (place, definition) in &after {
            if before.get(place) != Some(definition) {
                history.push_str(&format!("{};\n", break_lines(definition)));
            }
        }
        for place in before.keys().filter(|place| !after.contains_key(*place)) {
            history.push_str(&format!("DROP {place};\n"));
        }
        before = after;
    }
    history
}

/// Puts each column of a `CREATE TABLE` statement on a line of its own, so that a diff shows the column that changed.
fn break_lines(definition: &str) -> String {
    let is_table = definition.starts_with("CREATE TABLE");
    let (mut text, mut depth) = (String::new(), 0);
    for letter in definition.chars() {
        depth += i32::from(letter == '(') - i32::from(letter == ')');
        // A comma within a type or a constraint stands deeper, and does not separate columns.
        let breaks = is_table && depth == 1 && text.ends_with(['(', ',']) && letter == ' ';
        text.push_str(if breaks { "\n   " } else { "" });
        text.push(letter);
    }
    text
}

/// Returns the tables, constraints and indexes of a database, each with the statement that would create it. Names are
/// built so that the constraints and indexes of a table sort right after it.
async fn definitions(db: &DatabaseConnection) -> BTreeMap<String, String> {
    let sqlite = "
        SELECT tbl_name || CASE type WHEN 'table' THEN '' ELSE ' ' || name END AS name, sql AS definition
        FROM sqlite_master WHERE sql IS NOT NULL AND tbl_name NOT IN ('seaql_migrations', 'sqlite_sequence')";
    let postgres = "
        SELECT r.relname::text AS name,
            'CREATE TABLE ' || r.relname || ' ( ' || string_agg(
                a.attname || ' ' || format_type(a.atttypid, a.atttypmod)
                || CASE WHEN a.attnotnull THEN ' NOT NULL' ELSE '' END
                || CASE a.attidentity WHEN '' THEN '' ELSE ' GENERATED AS IDENTITY (' || a.attidentity::text || ')' END
                || coalesce(' DEFAULT ' || pg_get_expr(d.adbin, d.adrelid), ''), ', ' ORDER BY a.attnum)
            || ')' || coalesce(' WITH (' || array_to_string(r.reloptions, ',') || ')', '') AS definition
        FROM pg_class r
            JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
            LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE r.relnamespace = 'public'::regnamespace AND r.relkind = 'r' AND r.relname <> 'seaql_migrations'
        GROUP BY r.oid, r.relname, r.reloptions
        UNION ALL
        SELECT r.relname || ' ' || c.conname,
            'ALTER TABLE ' || r.relname || ' ADD CONSTRAINT ' || c.conname || ' ' || pg_get_constraintdef(c.oid)
        FROM pg_constraint c JOIN pg_class r ON r.oid = c.conrelid
        WHERE r.relnamespace = 'public'::regnamespace AND r.relname <> 'seaql_migrations' AND c.contype <> 'n'
        UNION ALL
        SELECT i.tablename || ' ' || i.indexname, i.indexdef
        FROM pg_indexes i
        WHERE i.schemaname = 'public' AND i.tablename <> 'seaql_migrations'
            AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = format('%I', i.indexname)::regclass)";
    query_definitions(db, sqlite, postgres).await
}

/// Returns the columns as `table.column`, each with its type, nullability, place in the primary key, and `generated` if
/// the database generates its values. SQLite and Postgres have several names for text and bytes; one name stands for
/// each kind here.
async fn columns(db: &DatabaseConnection) -> BTreeMap<String, String> {
    let sqlite = "
        SELECT m.name || '.' || c.name AS name,
            replace(replace(lower(c.type), 'varchar', 'text'), 'varbinary_blob', 'blob')
            || iif(c.\"notnull\", ' not null', '') || iif(c.pk > 0, ' key ' || c.pk, '')
            || iif(c.pk > 0 AND m.sql LIKE '%AUTOINCREMENT%', ' generated', '') AS definition
        FROM sqlite_master m, pragma_table_info(m.name) c
        WHERE m.type = 'table' AND m.name NOT IN ('seaql_migrations', 'sqlite_sequence')";
    let postgres = "
        SELECT r.relname || '.' || a.attname AS name,
            replace(format_type(a.atttypid, a.atttypmod), 'character varying', 'text')
            || CASE WHEN a.attnotnull THEN ' not null' ELSE '' END
            || coalesce(' key ' || array_position(i.indkey::int2[], a.attnum), '')
            || CASE a.attidentity WHEN '' THEN '' ELSE ' generated' END AS definition
        FROM pg_class r
            JOIN pg_attribute a ON a.attrelid = r.oid AND a.attnum > 0 AND NOT a.attisdropped
            LEFT JOIN pg_index i ON i.indrelid = r.oid AND i.indisprimary
        WHERE r.relnamespace = 'public'::regnamespace AND r.relkind = 'r' AND r.relname <> 'seaql_migrations'";
    query_definitions(db, sqlite, postgres).await
}

/// Runs the query that fits the kind of database, and returns its rows as a map from `name` to `definition`.
async fn query_definitions(db: &DatabaseConnection, sqlite: &str, postgres: &str) -> BTreeMap<String, String> {
    let sql = if is_postgres(db) { postgres } else { sqlite };
    let rows = db.query_all_raw(Statement::from_string(db.get_database_backend(), sql)).await.expect("the catalogue");
    let column = |row: &sea_orm::QueryResult, name: &str| row.try_get::<String>("", name).expect("text");
    rows.iter().map(|row| (column(row, "name"), column(row, "definition"))).collect()
}

fn is_postgres(db: &DatabaseConnection) -> bool {
    db.get_database_backend() == DbBackend::Postgres
}

/// Opens a new, empty database: on Postgres when the tests run there, else SQLite in memory.
///
/// # Panics
/// If the database cannot be opened.
pub async fn empty_database() -> DatabaseConnection {
    let url = empty_postgres("schema").await.unwrap_or_else(|| "sqlite::memory:".to_owned());
    Database::connect(url).await.expect("a database")
}
