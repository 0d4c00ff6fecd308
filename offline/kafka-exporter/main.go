// Stands in for danielqsj/kafka-exporter: the same flags, port and names, for what the stack uses of it.
//
// It asks the cluster at each scrape and remembers nothing, so a scrape that fails says so instead of giving old figures.
package main

import (
	"context"
	"flag"
	"log"
	"net/http"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kgo"
)

// Shorter than Prometheus waits for an answer.
const scrapeTimeout = 8 * time.Second

func gauge(name, help string, labels ...string) *prometheus.Desc {
	return prometheus.NewDesc("kafka_"+name, help, labels, nil)
}

var (
	brokers      = gauge("brokers", "Number of brokers of the cluster.")
	partitions   = gauge("topic_partitions", "Number of partitions of the topic.", "topic")
	newest       = gauge("topic_partition_current_offset", "The offset that the next record of the partition will have.", "topic", "partition")
	oldest       = gauge("topic_partition_oldest_offset", "The offset of the oldest record of the partition.", "topic", "partition")
	inSync       = gauge("topic_partition_in_sync_replica", "Number of copies of the partition that are in step.", "topic", "partition")
	members      = gauge("consumergroup_members", "Number of members of the group.", "consumergroup")
	groupOffset  = gauge("consumergroup_current_offset", "The offset that the group has committed for the partition.", "consumergroup", "topic", "partition")
	groupOffsets = gauge("consumergroup_current_offset_sum", "The offsets that the group has committed for the topic, together.", "consumergroup", "topic")
	lag          = gauge("consumergroup_lag", "Number of records of the partition that the group has not yet committed; -1 where it is not known.", "consumergroup", "topic", "partition")
	lags         = gauge("consumergroup_lag_sum", "Number of records of the topic that the group has not yet committed.", "consumergroup", "topic")
)

type exporter struct{ admin *kadm.Client }

func (exporter) Describe(descriptions chan<- *prometheus.Desc) {
	for _, description := range []*prometheus.Desc{brokers, partitions, newest, oldest, inSync, members, groupOffset, groupOffsets, lag, lags} {
		descriptions <- description
	}
}

func (e exporter) Collect(metrics chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeTimeout)
	defer cancel()
	if err := e.collect(ctx, metrics); err != nil {
		metrics <- prometheus.NewInvalidMetric(brokers, err)
	}
}

func (e exporter) collect(ctx context.Context, metrics chan<- prometheus.Metric) error {
	tell := func(what *prometheus.Desc, value float64, labels ...string) {
		metrics <- prometheus.MustNewConstMetric(what, prometheus.GaugeValue, value, labels...)
	}
	cluster, err := e.admin.Metadata(ctx)
	if err != nil {
		return err
	}
	tell(brokers, float64(len(cluster.Brokers)))
	cluster.Topics.FilterInternal()
	names := cluster.Topics.Names()
	for _, topic := range cluster.Topics {
		tell(partitions, float64(len(topic.Partitions)), topic.Topic)
		for _, partition := range topic.Partitions {
			tell(inSync, float64(len(partition.ISR)), topic.Topic, strconv.Itoa(int(partition.Partition)))
		}
	}
	ends, err := e.admin.ListEndOffsets(ctx, names...)
	if err == nil {
		err = ends.Error()
	}
	if err != nil {
		return err
	}
	starts, err := e.admin.ListStartOffsets(ctx, names...)
	if err == nil {
		err = starts.Error()
	}
	if err != nil {
		return err
	}
	ends.Each(func(at kadm.ListedOffset) {
		tell(newest, float64(at.Offset), at.Topic, strconv.Itoa(int(at.Partition)))
	})
	starts.Each(func(at kadm.ListedOffset) {
		tell(oldest, float64(at.Offset), at.Topic, strconv.Itoa(int(at.Partition)))
	})

	groups, err := e.admin.Lag(ctx)
	if err == nil {
		err = groups.Error()
	}
	if err != nil {
		return err
	}
	for _, group := range groups {
		tell(members, float64(len(group.Members)), group.Group)
		for topic, parts := range group.Lag {
			var offsetSum, lagSum float64
			committed := false
			for _, part := range parts {
				// Never committed: the official one does not show such a partition either.
				if part.Commit.At < 0 {
					continue
				}
				committed = true
				partition := strconv.Itoa(int(part.Partition))
				tell(groupOffset, float64(part.Commit.At), group.Group, topic, partition)
				tell(lag, float64(part.Lag), group.Group, topic, partition)
				offsetSum += float64(part.Commit.At)
				lagSum += max(0, float64(part.Lag))
			}
			if committed {
				tell(groupOffsets, offsetSum, group.Group, topic)
				tell(lags, lagSum, group.Group, topic)
			}
		}
	}
	return nil
}

func main() {
	server := flag.String("kafka.server", "kafka:9092", "address of a broker")
	// The official one has to be told; this one asks the broker.
	flag.String("kafka.version", "", "version of the brokers (not used)")
	listen := flag.String("web.listen-address", ":9308", "address to answer on")
	flag.Parse()

	client, err := kgo.NewClient(kgo.SeedBrokers(*server), kgo.ClientID("kafka_exporter"))
	if err != nil {
		log.Fatalf("kafka_exporter: %v", err)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(exporter{kadm.NewClient(client)})
	http.Handle("/metrics", promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	http.HandleFunc("/healthz", func(answer http.ResponseWriter, _ *http.Request) { _, _ = answer.Write([]byte("ok")) })
	log.Printf("kafka_exporter: listening on %s", *listen)
	answering := &http.Server{Addr: *listen, ReadHeaderTimeout: 5 * time.Second}
	log.Fatal(answering.ListenAndServe())
}
