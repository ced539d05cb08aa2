import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.opensearch.common.settings.Settings;
import org.opensearch.node.InternalSettingsPreparer;
import org.opensearch.node.Node;
import org.opensearch.transport.Netty4Plugin;

/** A node of one, on the loopback address: EmbeddedNode HOME HTTP_PORT TRANSPORT_PORT. HOME has a folder `config`. */
public class EmbeddedNode extends Node {
    private EmbeddedNode(Settings settings) {
        super(InternalSettingsPreparer.prepareEnvironment(settings, Map.of(), null, () -> "tributary"),
                List.of(Netty4Plugin.class), true);
    }

    public static void main(String[] words) throws Exception {
        Settings settings = Settings.builder()
                .put("path.home", Path.of(words[0]).toString())
                .put("discovery.type", "single-node")
                .put("transport.type", "netty4")
                .put("http.type", "netty4")
                .put("network.host", "127.0.0.1")
                .put("http.port", words[1])
                .put("transport.port", words[2])
                .put("cluster.routing.allocation.disk.threshold_enabled", false)
                .build();
        new EmbeddedNode(settings).start();
        Thread.currentThread().join();
    }
}
