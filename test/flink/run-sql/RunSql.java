import java.nio.file.Files;
import java.nio.file.Path;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.DeploymentOptions;
import org.apache.flink.configuration.RestOptions;
import org.apache.flink.runtime.minicluster.MiniCluster;
import org.apache.flink.runtime.minicluster.MiniClusterConfiguration;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;

/**
 * Runs files of statements on one Flink cluster inside this process, one file after another, each with tables of its own; ends when all
 * that they insert is written. Prints each file when it is done.
 */
public final class RunSql {
  public static void main(String[] files) throws Exception {
    Configuration cluster = new Configuration();
    cluster.set(RestOptions.BIND_PORT, "0");
    cluster.set(RestOptions.ADDRESS, "127.0.0.1");
    var shape = new MiniClusterConfiguration.Builder().setConfiguration(cluster).setNumTaskManagers(1).setNumSlotsPerTaskManager(4);
    try (MiniCluster session = new MiniCluster(shape.build())) {
      session.start();
      Configuration client = new Configuration();
      client.set(DeploymentOptions.TARGET, "remote");
      client.set(RestOptions.ADDRESS, "127.0.0.1");
      client.set(RestOptions.PORT, session.getRestAddress().get().getPort());
      for (String file : files) run(client, file);
    }
  }

  private static void run(Configuration client, String file) throws Exception {
    TableEnvironment tables = TableEnvironment.create(EnvironmentSettings.newInstance().inStreamingMode().withConfiguration(client).build());
    tables.getConfig().set("table.local-time-zone", "UTC");
    tables.getConfig().set("parallelism.default", "1");
    for (String statement : Files.readString(Path.of(file)).split(";\\s*\n")) {
      if (statement.isBlank()) continue;
      var result = tables.executeSql(statement);
      if (statement.contains("INSERT INTO")) result.await();
    }
    System.out.println(file);
  }
}
