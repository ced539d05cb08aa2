// What a consumer of Kinesis does with the AWS SDK for Java 2, at its default settings: CBOR, HTTP/2 for what is async.
//
// java -cp <jars> StreamStory.java STREAM CONSUMER COUNT: puts COUNT records, the first alone and the others in one call,
// and reads them twice: by GetRecords through the synchronous client, and pushed by SubscribeToShard. Prints a line for
// each thing that it learned, fields separated by tabs: put|got|pushed, sequence number, partition key, data in hex,
// arrival in ms; refused, error code, HTTP status; spoke, request, content types of request and answer. Endpoint, Region
// and credentials come from the environment.

import java.nio.ByteBuffer;
import java.time.Instant;
import java.util.ArrayList;
import java.util.HexFormat;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentSkipListSet;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import software.amazon.awssdk.core.SdkBytes;
import software.amazon.awssdk.core.client.config.ClientOverrideConfiguration;
import software.amazon.awssdk.core.interceptor.Context;
import software.amazon.awssdk.core.interceptor.ExecutionAttributes;
import software.amazon.awssdk.core.interceptor.ExecutionInterceptor;
import software.amazon.awssdk.services.kinesis.KinesisAsyncClient;
import software.amazon.awssdk.services.kinesis.KinesisClient;
import software.amazon.awssdk.services.kinesis.model.ConsumerStatus;
import software.amazon.awssdk.services.kinesis.model.KinesisException;
import software.amazon.awssdk.services.kinesis.model.PutRecordsRequestEntry;
import software.amazon.awssdk.services.kinesis.model.PutRecordsResponse;
import software.amazon.awssdk.services.kinesis.model.Record;
import software.amazon.awssdk.services.kinesis.model.ResourceNotFoundException;
import software.amazon.awssdk.services.kinesis.model.Shard;
import software.amazon.awssdk.services.kinesis.model.ShardIteratorType;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardEvent;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardEventStream;
import software.amazon.awssdk.services.kinesis.model.SubscribeToShardResponseHandler;

public final class StreamStory {
    private static final long PATIENCE_S = 60;

    public static void main(String[] arguments) throws Exception {
        String stream = arguments[0];
        String consumer = arguments[1];
        int count = Integer.parseInt(arguments[2]);
        Instant began = Instant.now().minusSeconds(60);
        Languages languages = new Languages();
        try (KinesisClient kinesis = KinesisClient.builder().overrideConfiguration(languages::listen).build();
             KinesisAsyncClient async = KinesisAsyncClient.builder().overrideConfiguration(languages::listen).build()) {
            String arn = create(kinesis, stream);
            String shard = onlyShard(kinesis, stream);
            put(async, stream, count);
            for (ShardIteratorType position : List.of(ShardIteratorType.TRIM_HORIZON, ShardIteratorType.AT_TIMESTAMP)) {
                get(kinesis, stream, shard, position, began, count);
            }
            subscribe(async, arn, consumer, shard, count);
            refusals(kinesis, stream);
        }
        languages.heard.forEach(language -> System.out.println("spoke\t" + language));
    }

    /** Each kind of request with the content types of what was sent and of what was answered. */
    private static final class Languages implements ExecutionInterceptor {
        private final Set<String> heard = new ConcurrentSkipListSet<>();

        void listen(ClientOverrideConfiguration.Builder configuration) {
            configuration.addExecutionInterceptor(this);
        }

        @Override
        public void beforeUnmarshalling(Context.BeforeUnmarshalling context, ExecutionAttributes attributes) {
            heard.add(String.join("\t", context.request().getClass().getSimpleName(),
                context.httpRequest().firstMatchingHeader("Content-Type").orElse("nothing"),
                context.httpResponse().firstMatchingHeader("Content-Type").orElse("nothing")));
        }
    }

    private static String create(KinesisClient kinesis, String stream) {
        kinesis.createStream(request -> request.streamName(stream).shardCount(1));
        return kinesis.waiter().waitUntilStreamExists(request -> request.streamName(stream)).matched().response()
            .orElseThrow().streamDescription().streamARN();
    }

    private static String onlyShard(KinesisClient kinesis, String stream) {
        List<Shard> shards = kinesis.listShards(request -> request.streamName(stream)).shards();
        if (shards.size() != 1) {
            throw new IllegalStateException("one shard was asked for, there are " + shards);
        }
        return shards.get(0).shardId();
    }

    private static void put(KinesisAsyncClient kinesis, String stream, int count) {
        print("put", kinesis.putRecord(request -> request.streamName(stream).partitionKey(key(0)).data(data(0))).join()
            .sequenceNumber());
        List<PutRecordsRequestEntry> entries = new ArrayList<>();
        for (int number = 1; number < count; number++) {
            entries.add(PutRecordsRequestEntry.builder().partitionKey(key(number)).data(data(number)).build());
        }
        PutRecordsResponse answer = kinesis.putRecords(request -> request.streamName(stream).records(entries)).join();
        if (answer.failedRecordCount() != 0) {
            throw new IllegalStateException("records were refused: " + answer);
        }
        answer.records().forEach(result -> print("put", result.sequenceNumber()));
    }

    private static void get(KinesisClient kinesis, String stream, String shard, ShardIteratorType position,
            Instant since, int count) {
        String iterator = kinesis.getShardIterator(request -> {
            request.streamName(stream).shardId(shard).shardIteratorType(position);
            if (position == ShardIteratorType.AT_TIMESTAMP) {
                request.timestamp(since);
            }
        }).shardIterator();
        for (int read = 0; read < count;) {
            String from = iterator;
            var answer = kinesis.getRecords(request -> request.shardIterator(from).limit(count / 2));
            answer.records().forEach(record -> print("got", record));
            read += answer.records().size();
            iterator = answer.nextShardIterator();
        }
    }

    private static void subscribe(KinesisAsyncClient kinesis, String arn, String consumer, String shard, int count)
            throws Exception {
        String consumerArn = kinesis.registerStreamConsumer(request -> request.streamARN(arn).consumerName(consumer))
            .join().consumer().consumerARN();
        Instant deadline = Instant.now().plusSeconds(PATIENCE_S);
        while (kinesis.describeStreamConsumer(request -> request.consumerARN(consumerArn)).join()
                .consumerDescription().consumerStatus() != ConsumerStatus.ACTIVE) {
            if (Instant.now().isAfter(deadline)) {
                throw new IllegalStateException("the consumer does not become active");
            }
            Thread.sleep(50);
        }
        AtomicInteger seen = new AtomicInteger();
        CompletableFuture<Void> all = new CompletableFuture<>();
        SubscribeToShardResponseHandler handler = SubscribeToShardResponseHandler.builder()
            .onError(all::completeExceptionally)
            .subscriber((SubscribeToShardEventStream event) -> {
                if (event instanceof SubscribeToShardEvent pushed) {
                    pushed.records().forEach(record -> print("pushed", record));
                    if (seen.addAndGet(pushed.records().size()) >= count) {
                        all.complete(null);
                    }
                }
            })
            .build();
        CompletableFuture<Void> subscription = kinesis.subscribeToShard(request -> request
            .consumerARN(consumerArn)
            .shardId(shard)
            .startingPosition(position -> position.type(ShardIteratorType.TRIM_HORIZON)), handler);
        all.get(PATIENCE_S, TimeUnit.SECONDS);
        subscription.cancel(true);
    }

    private static void refusals(KinesisClient kinesis, String stream) {
        try {
            kinesis.describeStreamSummary(request -> request.streamName(stream + "-of-nobody"));
        } catch (ResourceNotFoundException error) {
            print("refused", error);
        }
        try {
            kinesis.getShardIterator(request -> request.streamName(stream).shardId("shardId-000000000000"));
        } catch (KinesisException error) {
            print("refused", error);
        }
    }

    private static String key(int number) {
        return "clé-" + number % 7;
    }

    private static SdkBytes data(int number) {
        return SdkBytes.fromByteBuffer(ByteBuffer.allocate(6).putShort((short) 0xff00).putInt(number).flip());
    }

    private static void print(String kind, String sequenceNumber) {
        System.out.println(kind + "\t" + sequenceNumber);
    }

    private static void print(String kind, Record record) {
        System.out.println(String.join("\t", kind, record.sequenceNumber(), record.partitionKey(),
            HexFormat.of().formatHex(record.data().asByteArray()),
            Long.toString(record.approximateArrivalTimestamp().toEpochMilli())));
    }

    private static void print(String kind, KinesisException error) {
        System.out.println(String.join("\t", kind, error.awsErrorDetails().errorCode(),
            Integer.toString(error.statusCode())));
    }
}
