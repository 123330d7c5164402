package zeelos.peer.v2;

import java.io.FileInputStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import org.eclipse.californium.core.coap.Request;
import org.eclipse.californium.core.coap.Response;
import org.eclipse.californium.core.config.CoapConfig;
import org.eclipse.californium.elements.config.Configuration;
import org.eclipse.leshan.client.LeshanClient;
import org.eclipse.leshan.client.LeshanClientBuilder;
import org.eclipse.leshan.client.californium.endpoint.CaliforniumClientEndpoint;
import org.eclipse.leshan.client.californium.endpoint.CaliforniumClientEndpointsProvider;
import org.eclipse.leshan.client.californium.endpoint.coap.CoapClientProtocolProvider;
import org.eclipse.leshan.client.engine.DefaultRegistrationEngineFactory;
import org.eclipse.leshan.client.object.Security;
import org.eclipse.leshan.client.object.Server;
import org.eclipse.leshan.client.observer.LwM2mClientObserverAdapter;
import org.eclipse.leshan.client.resource.BaseInstanceEnabler;
import org.eclipse.leshan.client.resource.ObjectsInitializer;
import org.eclipse.leshan.client.send.ManualDataSender;
import org.eclipse.leshan.client.servers.LwM2mServer;
import org.eclipse.leshan.core.ResponseCode;
import org.eclipse.leshan.core.link.DefaultLinkParser;
import org.eclipse.leshan.core.model.ObjectLoader;
import org.eclipse.leshan.core.model.ObjectModel;
import org.eclipse.leshan.core.model.ResourceModel;
import org.eclipse.leshan.core.model.StaticModel;
import org.eclipse.leshan.core.node.LwM2mMultipleResource;
import org.eclipse.leshan.core.node.LwM2mPath;
import org.eclipse.leshan.core.node.LwM2mResource;
import org.eclipse.leshan.core.node.LwM2mResourceInstance;
import org.eclipse.leshan.core.node.LwM2mSingleResource;
import org.eclipse.leshan.core.request.ContentFormat;
import org.eclipse.leshan.core.request.DeregisterRequest;
import org.eclipse.leshan.core.request.RegisterRequest;
import org.eclipse.leshan.core.request.UpdateRequest;
import org.eclipse.leshan.core.request.argument.Arguments;
import org.eclipse.leshan.core.response.ExecuteResponse;
import org.eclipse.leshan.core.response.ReadResponse;
import org.eclipse.leshan.core.response.WriteResponse;
import org.eclipse.leshan.core.util.datatype.ULong;
import zeelos.peer.Contents;
import zeelos.peer.Device;
import zeelos.peer.Lines;
import zeelos.peer.Texts;

/** A device on Leshan 2.0: LwM2M 1.1. */
public final class LeshanDevice implements Device {
    private static final int SERVER_ID = 123;
    private static final int MAX_BODY_BYTES = 1024 * 1024;
    private static final long PULL_TIMEOUT_MS = 60_000;
    private static final long SEND_TIMEOUT_MS = 10_000;

    private final String endpoint;
    private final LeshanClient client;
    private final Map<String, Instance> instances = new ConcurrentHashMap<>();

    /** Found by name. */
    public static final class Make implements Maker {
        @Override
        public Device make(String endpoint, String uri, long lifetime, boolean queueMode, List<String> ddf) throws Exception {
            return new LeshanDevice(endpoint, uri, lifetime, queueMode, ddf);
        }
    }

    private LeshanDevice(String endpoint, String uri, long lifetime, boolean queueMode, List<String> ddf) throws Exception {
        this.endpoint = endpoint;
        List<ObjectModel> models = new ArrayList<>(ObjectLoader.loadDefault());
        for (String file : ddf) {
            try (FileInputStream in = new FileInputStream(file)) {
                models.addAll(ObjectLoader.loadDdfFile(in, file));
            }
        }
        ObjectsInitializer objects = new ObjectsInitializer(new StaticModel(models));
        objects.setInstancesForObject(0, Security.noSec(uri, SERVER_ID));
        objects.setInstancesForObject(1, new Server(SERVER_ID, lifetime));
        objects.setInstancesForObject(Contents.DEVICE, new Instance(0, Contents.device()));
        objects.setInstancesForObject(Contents.FIRMWARE, new Instance(0, Contents.firmware()));
        objects.setInstancesForObject(Contents.TYPES, new Instance(0, Contents.types()));
        objects.setInstancesForObject(Contents.TYPES_11, new Instance(0, typesOf11()));
        for (int object : new int[] {Contents.DEVICE, Contents.FIRMWARE, Contents.TYPES, Contents.TYPES_11}) {
            objects.setFactoryForObject(object, (model, id, used) -> {
                Instance created = new Instance(id == null ? free(used) : id, Map.of());
                created.setModel(model); // Leshan writes the first values before it does
                return created;
            });
        }
        DefaultRegistrationEngineFactory engine = new DefaultRegistrationEngineFactory();
        engine.setRetryWaitingTimeInMs(2_000).setDeregistrationTimeoutInMs(2_000).setQueueMode(queueMode);
        LeshanClientBuilder builder = new LeshanClientBuilder(endpoint);
        builder.setObjects(
                objects.create(0, 1, Contents.DEVICE, Contents.FIRMWARE, Contents.TYPES, Contents.TYPES_11));
        builder.setRegistrationEngineFactory(engine);
        builder.setDataSenders(new ManualDataSender());
        builder.setEndpointsProviders(endpoints());
        client = builder.build();
        client.addObserver(new Account());
    }

    private static CaliforniumClientEndpointsProvider endpoints() {
        CaliforniumClientEndpointsProvider.Builder builder =
                new CaliforniumClientEndpointsProvider.Builder(new CoapClientProtocolProvider());
        Configuration config = builder.createDefaultConfiguration();
        config.set(CoapConfig.MAX_RESOURCE_BODY_SIZE, MAX_BODY_BYTES);
        config.set(CoapConfig.NOTIFICATION_CHECK_INTERVAL_COUNT, 1);
        builder.setConfiguration(config);
        return builder.build();
    }

    /** An unsigned integer of all 64 bits would not fit our records; this one needs more than 32. */
    private static Map<Integer, Object> typesOf11() throws Exception {
        return Map.of(0, ULong.valueOf(9_007_199_254_740_993L), 1, parse("CORELINK", "</3/0>;pmin=10,</26300>"), 10,
                new TreeMap<>(Map.of(0, ULong.valueOf(0), 1, ULong.valueOf(4_294_967_296L))));
    }

    private static Object parse(String type, String text) throws Exception {
        return switch (type) {
            case "UNSIGNED_INTEGER" -> ULong.valueOf(text);
            case "CORELINK" -> new DefaultLinkParser().parseCoreLinkFormat(text.getBytes(StandardCharsets.UTF_8));
            default -> Texts.parse(type, text);
        };
    }

    private static int free(java.util.Collection<Integer> used) {
        int id = 0;
        while (used.contains(id)) {
            id++;
        }
        return id;
    }

    @Override
    public void start() {
        client.start();
    }

    @Override
    public void stop(boolean deregister) {
        client.destroy(deregister);
    }

    @Override
    public void restart() {
        client.stop(false);
        client.start();
    }

    @Override
    public void update() {
        client.triggerRegistrationUpdate();
    }

    @Override
    public void set(int[] path, String text) throws Exception {
        instances.get("/" + path[0] + "/" + path[1]).set(path, text);
    }

    @Override
    public String send(String format, List<String> paths) throws Exception {
        return String.valueOf(client.getSendService().sendData(server(), ContentFormat.fromName(format), paths, SEND_TIMEOUT_MS)
                .getCode());
    }

    @Override
    public void collect(List<String> paths) {
        sender().collectData(paths.stream().map(LwM2mPath::new).toList());
    }

    @Override
    public void sendCollected(String format) throws Exception {
        sender().sendCollectedData(server(), ContentFormat.fromName(format), SEND_TIMEOUT_MS, false);
    }

    private ManualDataSender sender() {
        return client.getSendService().getDataSender(ManualDataSender.DEFAULT_NAME, ManualDataSender.class);
    }

    private LwM2mServer server() {
        return client.getRegisteredServers().values().iterator().next();
    }

    private void pull(String uri) {
        new Thread(() -> {
            try {
                Request request = Request.newGet();
                request.setURI(uri);
                request.send(((CaliforniumClientEndpoint) client.getEndpoint(server())).getCoapEndpoint());
                Response response = request.waitForResponse(PULL_TIMEOUT_MS);
                Lines.print("pulled", "ep", endpoint, "code", String.valueOf(response.getCode()), "value",
                        Texts.digest(response.getPayload()));
            } catch (Exception e) {
                Lines.print("pullFailed", "ep", endpoint, "reason", String.valueOf(e));
            }
        }).start();
    }

    private final class Instance extends BaseInstanceEnabler {
        private final Contents contents;

        Instance(int id, Map<Integer, ?> initial) {
            super(id);
            contents = new Contents(initial);
        }

        @Override
        public void setModel(ObjectModel model) {
            super.setModel(model);
            instances.put("/" + model.id + "/" + getId(), this);
        }

        void set(int[] path, String text) throws Exception {
            Object value = parse(getModel().resources.get(path[2]).type.name(), text);
            if (path.length > 3) {
                contents.put(path[2], path[3], value);
                fireResourceInstanceChange(path[2], path[3]);
            } else {
                contents.put(path[2], value);
                fireResourceChange(path[2]);
            }
        }

        private String path(int resource) {
            return "/" + getModel().id + "/" + getId() + "/" + resource;
        }

        @Override
        @SuppressWarnings("unchecked")
        public ReadResponse read(LwM2mServer server, int resource) {
            Object value = contents.get(resource);
            if (value == null) {
                return ReadResponse.notFound();
            }
            ResourceModel.Type type = getModel().resources.get(resource).type;
            return ReadResponse.success(value instanceof Map<?, ?> map
                    ? LwM2mMultipleResource.newResource(resource, (Map<Integer, ?>) map, type)
                    : LwM2mSingleResource.newResource(resource, value, type));
        }

        @Override
        public WriteResponse write(LwM2mServer server, boolean replace, int resource, LwM2mResource written) {
            if (!written.isMultiInstances()) {
                contents.put(resource, written.getValue());
            } else {
                if (replace) {
                    contents.put(resource, Map.of());
                }
                written.getInstances().forEach((id, instance) -> contents.put(resource, id, instance.getValue()));
            }
            Lines.print("written", "ep", endpoint, "path", path(resource), "value", Texts.of(contents.get(resource)));
            if (getModel().id == Contents.FIRMWARE && resource == Contents.PACKAGE_URI) {
                pull((String) written.getValue());
            }
            fireResourceChange(resource);
            return WriteResponse.success();
        }

        @Override
        public WriteResponse write(LwM2mServer server, boolean replace, int resource, int instance, LwM2mResourceInstance one) {
            contents.put(resource, instance, one.getValue());
            Lines.print("written", "ep", endpoint, "path", path(resource) + "/" + instance, "value", Texts.of(one.getValue()));
            fireResourceInstanceChange(resource, instance);
            return WriteResponse.success();
        }

        @Override
        public ExecuteResponse execute(LwM2mServer server, int resource, Arguments arguments) {
            String text = arguments == null ? null : arguments.serialize(); // null also where there are none
            Lines.print("executed", "ep", endpoint, "path", path(resource), "value", text == null ? "" : text);
            return ExecuteResponse.success();
        }

        @Override
        public void onDelete(LwM2mServer server) {
            Lines.print("deleted", "ep", endpoint, "path", "/" + getModel().id + "/" + getId());
        }

        @Override
        public void reset(int resource) {
            contents.remove(resource);
        }

        @Override
        public List<Integer> getAvailableResourceIds(ObjectModel model) {
            return contents.available(model);
        }
    }

    private final class Account extends LwM2mClientObserverAdapter {
        @Override
        public void onRegistrationSuccess(LwM2mServer server, RegisterRequest request, String id) {
            Lines.print("registered", "ep", endpoint, "location", id);
        }

        @Override
        public void onRegistrationFailure(LwM2mServer s, RegisterRequest r, ResponseCode code, String message, Exception e) {
            Lines.print("registrationFailed", "ep", endpoint, "reason", String.valueOf(code != null ? code : e));
        }

        @Override
        public void onUpdateSuccess(LwM2mServer server, UpdateRequest request) {
            Lines.print("updated", "ep", endpoint);
        }

        @Override
        public void onDeregistrationSuccess(LwM2mServer server, DeregisterRequest request) {
            Lines.print("deregistered", "ep", endpoint);
        }
    }
}
