# shellcheck shell=bash
# Apache Kafka: one node in KRaft mode, run from the jars on Maven Central.

KAFKA_VERSION=4.1.0
KAFKA_LIBS=$TOOLS/kafka-$KAFKA_VERSION
KAFKA_DATA=$STACK/kafka
KAFKA_TOPICS=(route-events:3 route-events.dlq:1)

kafka_install() {
    [ ! -d "$KAFKA_LIBS" ] || return 0
    say "install: Kafka $KAFKA_VERSION from Maven Central"
    rm -rf "$KAFKA_LIBS.new"
    mvn -q -B -Dstyle.color=never -f "$ROOT/docker/kafka/pom.xml" \
        dependency:copy-dependencies \
        -DoutputDirectory="$KAFKA_LIBS.new" -DincludeScope=runtime </dev/null >"$STACK/log/kafka-install.log" 2>&1 ||
        { tail -n 20 "$STACK/log/kafka-install.log" >&2; die "the Kafka jars could not be fetched"; }
    mv "$KAFKA_LIBS.new" "$KAFKA_LIBS"
}

# kafka_java CLASS ARGUMENTS...: one of Kafka's command line tools
kafka_java() {
    java -Xmx128m -XX:TieredStopAtLevel=1 -Dorg.slf4j.simpleLogger.defaultLogLevel=error -cp "$KAFKA_LIBS/*" "$@"
}

write_kafka_settings() {
    mkdir -p "$KAFKA_DATA"
    cat >"$KAFKA_DATA/server.properties" <<EOF
# written by docker/local-stack.sh before each start
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:$KAFKA_CONTROLLER_PORT
listeners=PLAINTEXT://127.0.0.1:$KAFKA_PORT,SECURE://127.0.0.1:$KAFKA_TLS_PORT,CONTROLLER://127.0.0.1:$KAFKA_CONTROLLER_PORT
advertised.listeners=PLAINTEXT://127.0.0.1:$KAFKA_PORT,SECURE://127.0.0.1:$KAFKA_TLS_PORT
listener.security.protocol.map=CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SECURE:SASL_SSL
ssl.keystore.type=PEM
ssl.keystore.location=$TLS/server-both.pem
sasl.enabled.mechanisms=SCRAM-SHA-512
listener.name.secure.scram-sha-512.sasl.jaas.config=org.apache.kafka.common.security.scram.ScramLoginModule required;
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs=$KAFKA_DATA/data
offsets.topic.replication.factor=1
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
group.initial.rebalance.delay.ms=0
auto.create.topics.enable=false
# Without these two a restart after a crash takes 11 s: the controller waits for the dead broker's session to end.
broker.session.timeout.ms=2000
broker.heartbeat.interval.ms=500
EOF
}

kafka_format() {
    [ ! -f "$KAFKA_DATA/data/meta.properties" ] || return 0
    local id
    # A Kafka UUID: 16 random bytes in base64, here without the characters that would need care.
    id=$(head -c 16 /dev/urandom | base64 | tr '+/' 'AB' | tr -d '=')
    kafka_java kafka.tools.StorageTool format -t "$id" -c "$KAFKA_DATA/server.properties" >"$STACK/log/kafka-format.log" 2>&1 ||
        { tail "$STACK/log/kafka-format.log" >&2; die "the Kafka data directory could not be formatted"; }
}

kafka_started() { grep -q 'Kafka Server started' "$STACK/log/kafka.log"; }

kafka_start() {
    require_free_port KAFKA_PORT
    require_free_port KAFKA_TLS_PORT
    require_free_port KAFKA_CONTROLLER_PORT
    write_kafka_settings
    kafka_format
    spawn kafka "$KAFKA_DATA/server.properties" \
        java -Xms256m -Xmx512m -XX:+UseG1GC -XX:TieredStopAtLevel=1 -Djava.awt.headless=true \
        -Dorg.slf4j.simpleLogger.showDateTime=true '-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss.SSS' \
        -Dorg.slf4j.simpleLogger.defaultLogLevel=warn -Dorg.slf4j.simpleLogger.log.kafka.server.KafkaRaftServer=info \
        -cp "$KAFKA_LIBS/*" kafka.Kafka "$KAFKA_DATA/server.properties"
    wait_ready kafka 60 kafka_started
}

# kafka_tool NAME ARGUMENTS...: Kafka's own tools, by the names that they have in a Kafka distribution
kafka_tool() {
    local tool=$1 class
    shift
    if [ "$KIND" = compose ]; then
        compose exec -T kafka "/opt/kafka/bin/kafka-$tool.sh" --bootstrap-server "127.0.0.1:$KAFKA_PORT" "$@"
        return
    fi
    case $tool in
    topics) class=org.apache.kafka.tools.TopicCommand ;;
    get-offsets) class=org.apache.kafka.tools.GetOffsetShell ;;
    console-consumer) class=org.apache.kafka.tools.consumer.ConsoleConsumer ;;
    console-producer) class=org.apache.kafka.tools.ConsoleProducer ;;
    configs) class=kafka.admin.ConfigCommand ;;
    *) die "no such Kafka tool: $tool (topics, get-offsets, console-consumer, console-producer, configs)" ;;
    esac
    kafka_java "$class" --bootstrap-server "127.0.0.1:$KAFKA_PORT" "$@"
}

kafka_create_topics() {
    local existing topic
    existing=$(kafka_tool topics --list) || die "Kafka does not answer on 127.0.0.1:$KAFKA_PORT"
    for topic in "${KAFKA_TOPICS[@]}"; do
        grep -qxF "${topic%:*}" <<<"$existing" ||
            kafka_tool topics --create --if-not-exists --topic "${topic%:*}" --partitions "${topic#*:}" --replication-factor 1 >/dev/null
    done
}

# The user of the encrypted listener. Kafka keeps it among its own records, so it is made once.
kafka_create_user() {
    [ ! -f "$STACK/kafka-user-created" ] || return 0
    kafka_tool configs --alter --entity-type users --entity-name traffic-manager \
        --add-config "SCRAM-SHA-512=[password=$KAFKA_APP_PASSWORD]" >/dev/null || die "the Kafka user could not be created"
    touch "$STACK/kafka-user-created"
}
