// pgjdbc on the sample tables: prints what it sees, one JSON object a line. Where: the PG* variables.
//
// It prepares at the server from the fifth run on and then stops describing, asks for binary results where it can and
// for text where it cannot, sends strings as varchar and dates as text with a zone.

import java.math.BigDecimal;
import java.nio.charset.StandardCharsets;
import java.sql.*;
import java.time.LocalDate;
import java.time.OffsetDateTime;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Properties;
import java.util.TimeZone;
import java.util.UUID;
import org.postgresql.util.PGobject;

public class Pgjdbc {
    static final String WORD = System.getenv("WORD"), NUMBER = System.getenv("NUMBER"), CONTROL = System.getenv("CONTROL");
    static final BigDecimal LIMIT = new BigDecimal(NUMBER + ".25");
    static final String CARD =
        "INSERT INTO payment_card (customer_id, pan, iban, holder, credit_limit) VALUES (?, ?, ?, ?, ?)";
    static final String LIKE = "SELECT id FROM payment_card WHERE pan LIKE ?";

    static Connection connection;

    interface Action {
        String run() throws SQLException;
    }

    /** Runs it and prints what came of it. */
    static void step(String name, Action action) {
        String told;
        try {
            told = action.run();
        } catch (SQLException error) {
            told = "\"error\":" + quoted(error.getSQLState());
        }
        System.out.println("{\"step\":" + quoted(name) + "," + told + "}");
    }

    static String quoted(String text) {
        StringBuilder out = new StringBuilder("\"");
        for (char c : text.toCharArray()) {
            if (c == '"' || c == '\\') out.append('\\').append(c);
            else if (c < ' ') out.append(String.format("\\u%04x", (int) c));
            else out.append(c);
        }
        return out.append('"').toString();
    }

    static String show(Object value) {
        if (value == null) return "null";
        String text = value instanceof byte[] bytes ? HexFormat.of().formatHex(bytes) : value.toString();
        return quoted(value.getClass().getSimpleName() + ":" + text);
    }

    /** Types and rows of a result. */
    static String seen(ResultSet result) throws SQLException {
        ResultSetMetaData meta = result.getMetaData();
        List<String> columns = new ArrayList<>(), rows = new ArrayList<>();
        for (int i = 1; i <= meta.getColumnCount(); i++) {
            columns.add(quoted(meta.getColumnLabel(i) + " " + meta.getColumnTypeName(i) + " " + meta.getColumnType(i) + " "
                + meta.getPrecision(i) + " " + meta.getScale(i) + " " + meta.getColumnDisplaySize(i)));
        }
        while (result.next()) {
            List<String> row = new ArrayList<>();
            for (int i = 1; i <= meta.getColumnCount(); i++) row.add(show(result.getObject(i)));
            rows.add(row.toString());
        }
        return "\"columns\":" + columns + ",\"rows\":" + rows;
    }

    /** One execution, with whatever it returns. */
    static String execute(PreparedStatement statement, Object... values) throws SQLException {
        for (int i = 0; i < values.length; i++) statement.setObject(i + 1, values[i]);
        if (!statement.execute()) return "\"count\":" + statement.getUpdateCount();
        try (ResultSet result = statement.getResultSet()) {
            return seen(result);
        }
    }

    static Action run(String sql, Object... values) {
        return () -> {
            try (PreparedStatement statement = connection.prepareStatement(sql)) {
                return execute(statement, values);
            }
        };
    }

    static void crud() {
        step("create", run("INSERT INTO payment_card (customer_id, status, pan, iban, holder, credit_limit) "
            + "VALUES (?, ?, ?, ?, ?, ?) RETURNING id, status", 7L, CONTROL, WORD + "-1", WORD + "-iban", "Zoë " + WORD, LIMIT));
        step("generated keys", () -> {
            String sql = "INSERT INTO payment_card (customer_id, pan, holder) VALUES (?, ?, ?)";
            try (PreparedStatement statement = connection.prepareStatement(sql, new String[] {"id", "credit_limit"})) {
                statement.setInt(1, 8);
                statement.setString(2, WORD + "-2");
                statement.setString(3, "李 " + WORD);
                int count = statement.executeUpdate();
                return "\"count\":" + count + "," + seen(statement.getGeneratedKeys());
            }
        });
        step("read all", run("SELECT * FROM payment_card ORDER BY id"));
        step("search", run("SELECT id, pan, holder, credit_limit FROM payment_card WHERE pan = ?", WORD + "-1"));
        step("search IN", run("SELECT id FROM payment_card WHERE pan IN (?, ?) ORDER BY id", WORD + "-2", "none"));
        step("search ANY", () -> run("SELECT id FROM payment_card WHERE pan = ANY(?) ORDER BY id",
            connection.createArrayOf("varchar", new Object[] {WORD + "-1", WORD + "-2", null})).run());
        step("search NULL", run("SELECT id FROM payment_card WHERE iban IS NULL"));
        step("search for NULL", () -> {
            try (PreparedStatement statement = connection.prepareStatement("SELECT id FROM payment_card WHERE iban = ?")) {
                statement.setNull(1, Types.VARCHAR);
                return seen(statement.executeQuery());
            }
        });
        step("count", run("SELECT count(*), count(iban) FROM payment_card WHERE customer_id > ?", 0));
        step("update", run("UPDATE payment_card SET holder = ?, credit_limit = ? WHERE pan = ? RETURNING *",
            "Änne " + WORD, new BigDecimal("1.5"), WORD + "-1"));
        step("update a searched column", run("UPDATE payment_card SET iban = ? WHERE id = ?", WORD + "-n", 2));
        step("it is found", run("SELECT id FROM payment_card WHERE iban = ?", WORD + "-n"));
        step("update to NULL", run("UPDATE payment_card SET iban = ? WHERE iban = ?", null, WORD + "-n"));
        step("delete", run("DELETE FROM payment_card WHERE pan = ? RETURNING id, pan", WORD + "-2"));
        step("what is left", () -> {
            try (Statement statement = connection.createStatement()) {
                return seen(statement.executeQuery("SELECT pan, credit_limit FROM payment_card WHERE pan = '" + WORD + "-1'"));
            }
        });
        step("join", run("SELECT p.id, c.pan FROM payment p JOIN payment_card c ON c.id = p.card_id"));
    }

    static PGobject object(String type, String value) throws SQLException {
        PGobject object = new PGobject();
        object.setType(type);
        object.setValue(value);
        return object;
    }

    static void kinds() throws SQLException {
        String names = "label, b, i2, i4, i8, n, money, t, v, raw, u, d, ts, tz, j, jb";
        String insert = "INSERT INTO kinds (" + names + ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
        byte[] raw = (WORD + "\0\\").getBytes(StandardCharsets.UTF_8);
        UUID uuid = new UUID(0, 7);
        Date date = Date.valueOf("1999-01-08");
        Timestamp moment = Timestamp.valueOf("1999-01-08 04:05:06.789");
        OffsetDateTime zoned = OffsetDateTime.parse("1999-01-08T04:05:06.789+01:00");
        String json = "{\"b\":1,\"a\":\"" + WORD + "\"}";
        step("a row of every type", run(insert, "one", true, (short) -5, 70000, Long.valueOf(NUMBER), new BigDecimal("1E+3"),
            LIMIT, WORD, "é".repeat(20), raw, uuid, date, moment, zoned, object("json", json), object("jsonb", json)));
        step("with java.time", run(insert, "two", false, 1, 1, 1, 1, 1, "", "", new byte[0], uuid, LocalDate.of(1999, 1, 8),
            moment.toLocalDateTime(), zoned, object("json", "[]"), object("jsonb", "null")));
        step("a row of NULLs", run(insert, new Object[16]));
        step("a string cast to json", run("UPDATE kinds SET j = ?::json WHERE id = ?", "[]", 3L));
        String[] columns = {"i2", "i4", "i8", "n", "money", "t", "v", "raw", "u", "d", "ts", "tz"};
        Object[] values = {(short) -5, 70000, Long.valueOf(NUMBER), new BigDecimal("1E+3"), LIMIT, WORD, "é".repeat(20), raw,
            uuid, date, moment, zoned};
        for (int i = 0; i < columns.length; i++) {
            step("kinds by " + columns[i], run("SELECT id FROM kinds WHERE " + columns[i] + " = ? ORDER BY id", values[i]));
        }
        // From the fifth run on results come in binary, those that pgjdbc can read so; the others stay text.
        step("kinds, run after run", () -> {
            List<String> runs = new ArrayList<>();
            try (PreparedStatement statement = connection.prepareStatement("SELECT * FROM kinds WHERE id < ? ORDER BY id")) {
                for (int i = 0; i < 8; i++) runs.add("{" + execute(statement, 3L) + "}");
            }
            return "\"runs\":" + runs;
        });
        step("rounded", run("INSERT INTO kinds (money) VALUES (?) RETURNING money", new BigDecimal("2.345")));
        step("wrong: too long", run("INSERT INTO kinds (v) VALUES (?)", "x".repeat(21)));
        step("wrong: out of range", run("INSERT INTO kinds (i2) VALUES (?)", 70000));
    }

    static void prepared() throws SQLException {
        try (PreparedStatement insert = connection.prepareStatement(CARD);
             PreparedStatement search = connection.prepareStatement("SELECT holder, iban, credit_limit FROM payment_card WHERE pan = ?");
             PreparedStatement update = connection.prepareStatement("UPDATE payment_card SET holder = ? WHERE pan = ?")) {
            for (int i = 0; i < 9; i++) {
                String pan = WORD + "-p" + i, iban = i % 2 == 0 ? WORD : null;
                int number = i;
                step("prepared insert", () -> execute(insert, number, pan, iban, "h", number));
                step("prepared search", () -> execute(search, pan));
                step("prepared update", () -> execute(update, "h" + number, pan));
            }
            step("wrong: prepared duplicate", () -> execute(insert, 1, WORD + "-p3", null, "h", 0));
            step("prepared after an error", () -> execute(search, WORD + "-p3"));
            // Another type for the same parameter: pgjdbc parses again.
            step("prepared with another type", () -> execute(insert, 1L, WORD + "-p9", WORD, "h", new BigDecimal("0.5")));
        }
        try (PreparedStatement like = connection.prepareStatement(LIKE)) {
            for (int i = 0; i < 7; i++) step("like", () -> execute(like, WORD + "%"));
        }
    }

    static void batches() throws SQLException {
        step("batch", () -> {
            try (PreparedStatement statement = connection.prepareStatement(CARD)) {
                for (int i = 0; i < 300; i++) {
                    Object[] values = {50, WORD + "-m" + i, null, "m", i};
                    for (int n = 0; n < values.length; n++) statement.setObject(n + 1, values[n]);
                    statement.addBatch();
                }
                return "\"counts\":" + java.util.Arrays.toString(statement.executeBatch());
            }
        });
        step("wrong: batch", () -> {
            try (PreparedStatement statement = connection.prepareStatement(CARD)) {
                for (int i = 0; i < 9; i++) {
                    Object[] values = {51, WORD + "-d" + i % 5, null, "m", i};
                    for (int n = 0; n < values.length; n++) statement.setObject(n + 1, values[n]);
                    statement.addBatch();
                }
                return "\"counts\":" + java.util.Arrays.toString(statement.executeBatch());
            }
        });
        step("what the batch left", run("SELECT count(*) FROM payment_card WHERE customer_id = ?", 51));
        step("batch of statements", () -> {
            try (Statement statement = connection.createStatement()) {
                for (int i = 0; i < 3; i++) statement.addBatch("UPDATE payment_card SET holder = 'b' WHERE pan = '" + WORD + "-m" + i + "'");
                return "\"counts\":" + java.util.Arrays.toString(statement.executeBatch());
            }
        });
        connection.setAutoCommit(false);
        step("portions of a portal", () -> {
            try (PreparedStatement statement = connection.prepareStatement(
                    "SELECT id, pan FROM payment_card WHERE customer_id = ? ORDER BY id")) {
                statement.setFetchSize(7);
                return execute(statement, 50);
            }
        });
        connection.commit();
        connection.setAutoCommit(true);
    }

    static void transactions() throws SQLException {
        String update = "UPDATE payment_card SET holder = ? WHERE pan = ?";
        step("wrong: duplicate", run(CARD, 1, WORD + "-1", null, "h", 0));
        step("wrong: NULL", run(CARD, 1, null, null, "h", 0));
        step("wrong: no such column", run("SELECT pann FROM payment_card"));
        connection.setAutoCommit(false);
        Object[][] attempts = {
            {"wrong: an error in a transaction", CARD, new Object[] {1, WORD + "-1", null, "h", 0}},
            {"like", LIKE, new Object[] {WORD + "%"}},
            {"arithmetic in an update", "UPDATE payment_card SET credit_limit = credit_limit + ?", new Object[] {10}},
        };
        for (Object[] attempt : attempts) {
            step("an update", run(update, "gone", WORD + "-1"));
            step((String) attempt[0], run((String) attempt[1], (Object[]) attempt[2]));
            if (attempt[0].toString().startsWith("wrong")) step("wrong: the transaction is aborted", run("SELECT 1"));
            connection.rollback();
        }
        step("nothing of it stayed", run("SELECT holder FROM payment_card WHERE pan = ?", WORD + "-1"));
        Savepoint savepoint = connection.setSavepoint();
        step("wrong: duplicate in a savepoint", run(CARD, 1, WORD + "-1", null, "h", 0));
        connection.rollback(savepoint);
        step("an update after it", run(update, "kept", WORD + "-1"));
        connection.commit();
        connection.setAutoCommit(true);
        step("it stayed", run("SELECT holder FROM payment_card WHERE pan = ?", WORD + "-1"));
    }

    static void ledger() throws SQLException {
        String insert = "INSERT INTO ledger (account, owner, balance, note) VALUES (?, ?, ?, ?) RETURNING *";
        step("signed insert", run(insert, "acc-1", WORD, LIMIT, "n"));
        step("signed insert, again", run(insert, "acc-2", WORD, 5, null));
        try (PreparedStatement statement = connection.prepareStatement("UPDATE ledger SET balance = ? WHERE account = ? RETURNING *")) {
            for (int i = 0; i < 8; i++) {
                BigDecimal balance = BigDecimal.valueOf(i * 25, 2);
                step("signed update", () -> execute(statement, balance, "acc-1"));
            }
        }
        step("signed search", run("SELECT * FROM ledger WHERE owner = ? ORDER BY id", WORD));
        step("signed delete", run("DELETE FROM ledger WHERE account = ?", "acc-2"));
        step("signed rest", run("SELECT id, balance FROM ledger"));
    }

    public static void main(String[] arguments) throws SQLException {
        TimeZone.setDefault(TimeZone.getTimeZone("UTC"));
        String where = System.getenv("PGHOST") + ":" + System.getenv("PGPORT") + "/" + System.getenv("PGDATABASE");
        Properties who = new Properties();
        who.setProperty("user", System.getenv("PGUSER"));
        who.setProperty("password", System.getenv("PGPASSWORD"));
        connection = DriverManager.getConnection("jdbc:postgresql://" + where, who);
        crud();
        kinds();
        prepared();
        batches();
        transactions();
        ledger();
        connection.close();
    }
}
