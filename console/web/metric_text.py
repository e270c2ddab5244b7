"""The figures of a scrape as text: Prometheus' own format, and OpenMetrics."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.core import (
    Metric as Family,
)
from prometheus_client.exposition import choose_encoder
from prometheus_client.registry import Collector

from console.web.metric_catalogue import CATALOGUE, Kind, Metric
from console.web.metric_samples import Labels, Samples, Value
from trading.histogram import Distribution


class Text(Collector):
    """The figures of one scrape, encoded once for each format that is asked for."""

    def __init__(self, samples: Samples) -> None:
        self._samples = samples
        self._registry = CollectorRegistry(auto_describe=False)
        self._registry.register(self)
        ProcessCollector(registry=self._registry)  # CPU, memory, file descriptors; nothing where there is no /proc
        self._encoded: dict[str, bytes] = {}

    def encoded(self, accept: str) -> tuple[bytes, str]:
        """The text, and the name of its format."""
        encode, content_type = choose_encoder(accept)
        text = self._encoded.get(content_type)
        if text is None:
            text = self._encoded[content_type] = encode(self._registry)
        return text, content_type

    def describe(self) -> list[Family]:
        """Nothing: the registry need not know the names before."""
        return []

    def collect(self) -> Iterator[Family]:
        """Each metric of which something was found, in the order of the catalogue."""
        for name, metric in CATALOGUE.items():
            values = self._samples.found.get(name)
            if values:
                yield _family(metric, values)


def _family(metric: Metric, values: Mapping[Labels, Value]) -> Family:
    match metric.kind:
        case Kind.HISTOGRAM:
            histogram = HistogramMetricFamily(metric.name, metric.said, labels=metric.labels)
            for labels, value in values.items():
                if isinstance(value, Distribution):
                    histogram.add_metric(labels, _buckets(value), value.total)
            return histogram
        case Kind.COUNTER:
            counter = CounterMetricFamily(metric.name, metric.said, labels=metric.labels)
            for labels, value in values.items():
                counter.add_metric(labels, _number(value))
            return counter
        case Kind.GAUGE:
            gauge = GaugeMetricFamily(metric.name, metric.said, labels=metric.labels)
            for labels, value in values.items():
                gauge.add_metric(labels, _number(value))
            return gauge


def _number(value: Value) -> float:
    if isinstance(value, Distribution):
        raise TypeError("a distribution is no single number")
    return float(value)


def _buckets(distribution: Distribution) -> list[tuple[str, float]]:
    bounds = (*distribution.bounds, math.inf)
    names = ["+Inf" if math.isinf(bound) else repr(float(bound)) for bound in bounds]
    return list(zip(names, (float(count) for count in distribution.cumulative), strict=True))
