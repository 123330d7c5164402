package zeelos.peer;

import static org.eclipse.leshan.core.model.ResourceModel.Operations.E;
import static org.eclipse.leshan.core.model.ResourceModel.Operations.R;
import static org.eclipse.leshan.core.model.ResourceModel.Type.FLOAT;
import static org.eclipse.leshan.core.model.ResourceModel.Type.NONE;
import static org.eclipse.leshan.core.model.ResourceModel.Type.STRING;

import java.net.InetAddress;
import java.util.ArrayList;
import java.util.Date;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import org.eclipse.californium.core.config.CoapConfig;
import org.eclipse.californium.core.network.CoapEndpoint;
import org.eclipse.californium.elements.config.Configuration;
import org.eclipse.leshan.client.LeshanClient;
import org.eclipse.leshan.client.LeshanClientBuilder;
import org.eclipse.leshan.client.californium.endpoint.CaliforniumClientEndpointFactory;
import org.eclipse.leshan.client.californium.endpoint.CaliforniumClientEndpointsProvider;
import org.eclipse.leshan.client.californium.endpoint.coap.CoapClientEndpointFactory;
import org.eclipse.leshan.client.californium.endpoint.coap.CoapClientProtocolProvider;
import org.eclipse.leshan.client.endpoint.ClientEndpointToolbox;
import org.eclipse.leshan.client.engine.DefaultRegistrationEngineFactory;
import org.eclipse.leshan.client.object.Security;
import org.eclipse.leshan.client.object.Server;
import org.eclipse.leshan.client.observer.LwM2mClientObserverAdapter;
import org.eclipse.leshan.client.resource.BaseInstanceEnabler;
import org.eclipse.leshan.client.resource.LwM2mObjectEnabler;
import org.eclipse.leshan.client.resource.ObjectsInitializer;
import org.eclipse.leshan.client.servers.LwM2mServer;
import org.eclipse.leshan.client.servers.ServerInfo;
import org.eclipse.leshan.core.ResponseCode;
import org.eclipse.leshan.core.model.ObjectLoader;
import org.eclipse.leshan.core.model.ObjectModel;
import org.eclipse.leshan.core.model.ResourceModel;
import org.eclipse.leshan.core.model.StaticModel;
import org.eclipse.leshan.core.node.LwM2mResource;
import org.eclipse.leshan.core.request.ContentFormat;
import org.eclipse.leshan.core.request.DeregisterRequest;
import org.eclipse.leshan.core.request.RegisterRequest;
import org.eclipse.leshan.core.request.UpdateRequest;
import org.eclipse.leshan.core.request.argument.Arguments;
import org.eclipse.leshan.core.response.ExecuteResponse;
import org.eclipse.leshan.core.response.ReadResponse;
import org.eclipse.leshan.core.response.WriteResponse;

/**
 * An LwM2M device on Leshan's client libraries, as the demo of the original: objects 0, 1, 3, 6 and 3303 with two instances.
 *
 * Arguments: server URI, endpoint name, lifetime in seconds, interval of new values in ms, number of values per sensor (0 = no
 * end). System property `peer.exitWithStdin=true`: end when stdin does.
 *
 * Prints one JSON line per event on stdout. `notified` and `acknowledged` are read off the messages themselves, so a value
 * that Californium replaced by a newer one before it was sent is not reported.
 */
public final class LeshanDevice {
    private static final int TEMPERATURE = 3303;
    private static final int SERVER_ID = 123;

    public static void main(String[] args) throws Exception {
        if (args.length != 5) {
            System.err.println("usage: LeshanDevice <server URI> <endpoint> <lifetime s> <interval ms> <count>");
            System.exit(2);
        }
        // Two sensors one step apart, so that the account can tell their values apart.
        List<Temperature> sensors = List.of(new Temperature(20.0), new Temperature(21.0));
        LeshanClient client = build(args[0], args[1], Integer.parseInt(args[2]), sensors);
        client.addObserver(new Registration());
        CountDownLatch stop = new CountDownLatch(1);
        CountDownLatch stopped = new CountDownLatch(1);
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            stop.countDown();
            await(stopped);
            Runtime.getRuntime().halt(0); // asked to end, and ended well: not the signal's exit code
        }));
        if (Boolean.getBoolean("peer.exitWithStdin")) {
            endWithStdin();
        }
        client.start();
        ScheduledExecutorService timer = Executors.newSingleThreadScheduledExecutor();
        change(timer, sensors, Integer.parseInt(args[3]), Integer.parseInt(args[4]));
        stop.await();
        timer.shutdownNow();
        client.destroy(true);
        Lines.print("stopped");
        stopped.countDown();
    }

    private static void change(ScheduledExecutorService timer, List<Temperature> sensors, int intervalMs, int count) {
        AtomicInteger done = new AtomicInteger();
        timer.scheduleAtFixedRate(() -> {
            if (count == 0 || done.getAndIncrement() < count) {
                sensors.forEach(Temperature::change);
            }
        }, intervalMs, intervalMs, TimeUnit.MILLISECONDS);
    }

    private static void endWithStdin() {
        Thread guard = new Thread(() -> {
            try {
                while (System.in.read() >= 0) {
                    continue;
                }
            } catch (java.io.IOException e) {
                // as good as the end
            }
            System.exit(0);
        }, "stdin");
        guard.setDaemon(true);
        guard.start();
    }

    private static void await(CountDownLatch latch) {
        try {
            latch.await(5, TimeUnit.SECONDS);
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        }
    }

    private static LeshanClient build(String uri, String endpoint, int lifetimeSeconds, List<Temperature> sensors) {
        List<ObjectModel> models = new ArrayList<>(ObjectLoader.loadDefault());
        models.add(temperatureModel());
        ObjectsInitializer objects = new ObjectsInitializer(new StaticModel(models));
        objects.setInstancesForObject(0, Security.noSec(uri, SERVER_ID));
        objects.setInstancesForObject(1, new Server(SERVER_ID, lifetimeSeconds));
        objects.setInstancesForObject(3, new DeviceObject());
        objects.setInstancesForObject(6, new Location());
        objects.setInstancesForObject(TEMPERATURE, sensors.toArray(new Temperature[0]));
        objects.setClassForObject(TEMPERATURE, Temperature.class); // for Create
        for (int object : new int[] {0, 1, 3, 6, TEMPERATURE}) {
            objects.setDefaultContentFormat(object, ContentFormat.TLV);
        }
        List<LwM2mObjectEnabler> enablers = objects.createAll();

        DefaultRegistrationEngineFactory engine = new DefaultRegistrationEngineFactory();
        engine.setRetryWaitingTimeInMs(2000);
        engine.setDeregistrationTimeoutInMs(2000);
        LeshanClientBuilder builder = new LeshanClientBuilder(endpoint);
        builder.setObjects(enablers);
        builder.setRegistrationEngineFactory(engine);
        builder.setEndpointsProviders(endpoints());
        return builder.build();
    }

    private static CaliforniumClientEndpointsProvider endpoints() {
        CoapClientProtocolProvider coap = new CoapClientProtocolProvider() {
            @Override
            public CaliforniumClientEndpointFactory createDefaultEndpointFactory() {
                return new WatchedEndpoints();
            }
        };
        CaliforniumClientEndpointsProvider.Builder builder = new CaliforniumClientEndpointsProvider.Builder(coap);
        Configuration configuration = builder.createDefaultConfiguration();
        // A confirmable notification at every change, even where the Observe request came as non-confirmable.
        configuration.set(CoapConfig.NOTIFICATION_CHECK_INTERVAL_COUNT, 1);
        builder.setConfiguration(configuration);
        return builder.build();
    }

    private static ObjectModel temperatureModel() {
        return new ObjectModel(TEMPERATURE, "Temperature", "", ObjectModel.DEFAULT_VERSION, true, false,
                new ResourceModel(5700, "Sensor Value", R, false, true, FLOAT, "", "", ""),
                new ResourceModel(5701, "Sensor Units", R, false, false, STRING, "", "", ""),
                new ResourceModel(5601, "Min Measured Value", R, false, false, FLOAT, "", "", ""),
                new ResourceModel(5602, "Max Measured Value", R, false, false, FLOAT, "", "", ""),
                new ResourceModel(5605, "Reset Min and Max Measured Values", E, false, false, NONE, "", "", ""));
    }

    /** Public, as the next two, with a constructor without arguments: Leshan makes instances by class. */
    public static final class Temperature extends BaseInstanceEnabler {
        private static final List<Integer> RESOURCES = List.of(5601, 5602, 5605, 5700, 5701);
        private double value;
        private double min;
        private double max;

        public Temperature() {
            this(0.0);
        }

        Temperature(double value) {
            this.value = min = max = value;
        }

        /** Half a degree up at each change: every value occurs once, and two decimals hold it. */
        synchronized void change() {
            value += 0.5;
            max = Math.max(max, value);
            fireResourcesChange(getResourcePath(5700), getResourcePath(5602));
        }

        @Override
        public synchronized ReadResponse read(LwM2mServer server, int resource) {
            return switch (resource) {
                case 5700 -> ReadResponse.success(resource, value);
                case 5701 -> ReadResponse.success(resource, "cel");
                case 5601 -> ReadResponse.success(resource, min);
                case 5602 -> ReadResponse.success(resource, max);
                default -> super.read(server, resource);
            };
        }

        /** Create carries the values of the new instance; on the wire these resources are read-only. */
        @Override
        public synchronized WriteResponse write(LwM2mServer server, boolean replace, int resource, LwM2mResource content) {
            if (resource == 5700 && content.getValue() instanceof Double given) {
                value = min = max = given;
                Lines.print("written", "path", "/3303/" + getId() + "/5700", "value", given);
                return WriteResponse.success();
            }
            return super.write(server, replace, resource, content);
        }

        @Override
        public synchronized ExecuteResponse execute(LwM2mServer server, int resource, Arguments arguments) {
            if (resource != 5605) {
                return super.execute(server, resource, arguments);
            }
            min = max = value;
            Lines.executed("/3303/" + getId() + "/5605", arguments);
            fireResourcesChange(getResourcePath(5601), getResourcePath(5602));
            return ExecuteResponse.success();
        }

        @Override
        public void onDelete(LwM2mServer server) {
            Lines.print("deleted", "path", "/3303/" + getId());
        }

        @Override
        public List<Integer> getAvailableResourceIds(ObjectModel model) {
            return RESOURCES;
        }
    }

    public static final class DeviceObject extends BaseInstanceEnabler {
        private static final List<Integer> RESOURCES = List.of(0, 1, 2, 3, 4, 9, 10, 11, 13, 14, 15, 16, 17, 18, 19, 20, 21);
        private String utcOffset = "+00:00";
        private String timezone = "Etc/UTC";

        @Override
        public synchronized ReadResponse read(LwM2mServer server, int resource) {
            return switch (resource) {
                case 0 -> ReadResponse.success(resource, "Leshan Demo Device");
                case 1 -> ReadResponse.success(resource, "Model 500");
                case 2 -> ReadResponse.success(resource, "LT-500-000-0001");
                case 3 -> ReadResponse.success(resource, "1.0.0");
                case 9 -> ReadResponse.success(resource, 87);
                case 10 -> ReadResponse.success(resource, 65536);
                case 11 -> ReadResponse.success(resource, Map.of(0, 0L), ResourceModel.Type.INTEGER);
                case 13 -> ReadResponse.success(resource, new Date());
                case 14 -> ReadResponse.success(resource, utcOffset);
                case 15 -> ReadResponse.success(resource, timezone);
                case 16 -> ReadResponse.success(resource, "U");
                case 17 -> ReadResponse.success(resource, "Demo");
                case 18, 19 -> ReadResponse.success(resource, "1.0.1");
                case 20 -> ReadResponse.success(resource, 1);
                case 21 -> ReadResponse.success(resource, 131072);
                default -> super.read(server, resource);
            };
        }

        @Override
        public synchronized WriteResponse write(LwM2mServer server, boolean replace, int resource, LwM2mResource content) {
            if (resource != 14 && resource != 15) {
                return resource == 13 ? WriteResponse.notFound() : super.write(server, replace, resource, content);
            }
            String value = (String) content.getValue();
            if (resource == 14) {
                utcOffset = value;
            } else {
                timezone = value;
            }
            Lines.print("written", "path", "/3/0/" + resource, "value", value);
            fireResourceChange(resource);
            return WriteResponse.success();
        }

        @Override
        public ExecuteResponse execute(LwM2mServer server, int resource, Arguments arguments) {
            Lines.executed("/3/0/" + resource, arguments);
            return ExecuteResponse.success();
        }

        @Override
        public List<Integer> getAvailableResourceIds(ObjectModel model) {
            return RESOURCES;
        }
    }

    public static final class Location extends BaseInstanceEnabler {
        private final Date since = new Date();

        @Override
        public ReadResponse read(LwM2mServer server, int resource) {
            return switch (resource) {
                case 0 -> ReadResponse.success(resource, 48.25);
                case 1 -> ReadResponse.success(resource, 16.5);
                case 5 -> ReadResponse.success(resource, since);
                default -> super.read(server, resource);
            };
        }

        @Override
        public List<Integer> getAvailableResourceIds(ObjectModel model) {
            return List.of(0, 1, 5);
        }
    }

    private static final class Registration extends LwM2mClientObserverAdapter {
        @Override
        public void onRegistrationSuccess(LwM2mServer server, RegisterRequest request, String id) {
            Lines.print("registered", "location", id);
        }

        @Override
        public void onRegistrationFailure(LwM2mServer s, RegisterRequest r, ResponseCode code, String message, Exception e) {
            Lines.print("registrationFailed", "reason", String.valueOf(code != null ? code : e));
        }

        @Override
        public void onRegistrationTimeout(LwM2mServer server, RegisterRequest request) {
            Lines.print("registrationFailed", "reason", "timeout");
        }

        @Override
        public void onUpdateSuccess(LwM2mServer server, UpdateRequest request) {
            Lines.print("updated");
        }

        @Override
        public void onUpdateFailure(LwM2mServer s, UpdateRequest r, ResponseCode code, String message, Exception e) {
            Lines.print("registrationFailed", "kind", "update", "reason", String.valueOf(code != null ? code : e));
        }

        @Override
        public void onUpdateTimeout(LwM2mServer server, UpdateRequest request) {
            Lines.print("registrationFailed", "kind", "update", "reason", "timeout");
        }

        @Override
        public void onDeregistrationSuccess(LwM2mServer server, DeregisterRequest request) {
            Lines.print("deregistered");
        }
    }

    /** Endpoints with a watch on their messages. */
    private static final class WatchedEndpoints extends CoapClientEndpointFactory {
        @Override
        public CoapEndpoint createCoapEndpoint(InetAddress address, Configuration configuration, ServerInfo server,
                boolean clientInitiatedOnly, List<java.security.cert.Certificate> trustStore, ClientEndpointToolbox toolbox) {
            CoapEndpoint endpoint =
                    super.createCoapEndpoint(address, configuration, server, clientInitiatedOnly, trustStore, toolbox);
            endpoint.addInterceptor(new NotificationWatch());
            return endpoint;
        }
    }

    private LeshanDevice() {}
}
