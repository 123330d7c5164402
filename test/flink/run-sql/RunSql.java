import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;
import org.apache.flink.table.api.TableResult;

/** Runs the statements of a file on a Flink cluster inside this process, and ends when all that they insert is written. */
public final class RunSql {
  public static void main(String[] args) throws Exception {
    TableEnvironment tables = TableEnvironment.create(EnvironmentSettings.inStreamingMode());
    tables.getConfig().set("table.local-time-zone", "UTC");
    tables.getConfig().set("parallelism.default", "1");
    for (String statement : Files.readString(Path.of(args[0])).split(";\\s*\n")) {
      if (statement.isBlank()) continue;
      TableResult result = tables.executeSql(statement);
      if (statement.contains("INSERT INTO")) result.await();
    }
  }
}
