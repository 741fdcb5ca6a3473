//! The relay, built from its configuration, with graceful shutdown.

use crate::{
    clock,
    config::Config,
    ingest::limits::Limits,
    metrics::Metrics,
    rlimit,
    routes::{self, Site},
    server,
    sink::{Delivery, Forwarder, Sink},
};
use anyhow::Context;
use event_store::Store;
use geo_ip::Geo;
use kafka_client::{Connection, EventReader, Kafka, Registry};
use live_stats::{Capacity, LiveStats, Source, StoreSource, TopicSource};
use origin_check::{Hosts, Posters};
use std::{io, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    net::TcpListener,
    runtime::Handle,
    signal::unix::{SignalKind, signal},
    task::spawn_blocking,
    time::sleep,
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// Time for requests and background tasks to end at shutdown; longer than the timeout of a request.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(8);

/// Sessions in which the live numbers detect repeated events; beyond, the oldest are evicted. They
/// take about 100 MB.
const LIVE_SESSIONS: usize = 1_000_000;

/// Connections of the management listener at once.
const MANAGEMENT_CONNECTIONS: usize = 32;

/// A relay that has opened its ports and is ready to run.
pub struct App {
    listener: TcpListener,
    site: Site,
    /// `/metrics` and `/readyz`, unless they are off.
    management: Option<(TcpListener, Site)>,
    max_connections: usize,
    metrics: Arc<Metrics>,
    delivery: Arc<Delivery>,
    forwarder: Option<Forwarder>,
    kafka: Option<Arc<Kafka>>,
    geo: Geo,
    shutdown: CancellationToken,
}

impl App {
    /// Opens the ports, the store and the geo database. Kafka and the registry need not be available.
    /// The relay stops when `shutdown` is cancelled.
    ///
    /// # Errors
    /// If one of these cannot be opened.
    pub async fn build(config: Config, shutdown: CancellationToken) -> anyhow::Result<Self> {
        let Config { options, kafka, kept_days } = config;
        let listener = bind(options.listen.address, "--listen").await?;
        let management_listener = match options.management_listen {
            Some(address) => Some(bind(address, "--management-listen").await?),
            None => None,
        };
        let topic = options.kafka.topic.clone();
        let geo = Geo::open(options.geo)?;
        let mut store_limits = options.store.limits;
        store_limits.keep_undelivered = kafka.is_none().then_some(options.store.keep_events);
        let store = Store::open(&options.store.store, store_limits)?;
        let (kafka, sink, source) = match kafka {
            Some(settings) => {
                let registry = Registry::new(settings.registry.clone())?;
                let kafka = Arc::new(Kafka::new(settings)?);
                let connection = Connection::new(Arc::clone(&kafka), registry.clone());
                let reader =
                    EventReader::new(kafka.settings().clone(), registry, Handle::current());
                let source: Box<dyn Source> = Box::new(TopicSource::new(reader, store.clone()));
                (Some(kafka), Some(Arc::new(connection) as Arc<dyn Sink>), source)
            }
            None => (None, None, Box::new(StoreSource::new(store.clone())) as _),
        };
        let (capacity, ending) = (Capacity::for_sessions(LIVE_SESSIONS), shutdown.clone());
        let live =
            LiveStats::start(source, capacity, options.live, geo.places(), clock::now, ending)
                .context("cannot start the thread of the live numbers")?;
        let delivery = Arc::new(Delivery::new(Arc::new(store.clone()), sink.clone()));
        let queue = Arc::new(store.clone());
        let forwarder = sink.map(|sink| Forwarder::new(Arc::clone(&delivery), sink, queue));
        let metrics = Arc::new(Metrics::default());
        let limits = Arc::new(Limits::new(&options.limits, rlimit::open_files()));
        let context = routes::Context {
            delivery: Arc::clone(&delivery),
            store,
            topic,
            kafka: kafka.clone(),
            geo: geo.clone(),
            metrics: Arc::clone(&metrics),
            limits: Arc::clone(&limits),
            live,
            kept_days,
            shutdown: shutdown.clone(),
        };
        let context = Arc::new(context);
        let management = management_listener.map(|listener| {
            let router = routes::management_router(Arc::clone(&context));
            (listener, Site { router, hosts: Hosts::private(&options.origins.public_url) })
        });
        let static_dir = options.static_dir.as_deref();
        let posters = Posters::new(
            &options.origins.allowed_origins,
            &options.origins.public_url,
            static_dir.is_some(),
        );
        let router = routes::router(context, &posters, static_dir);
        Ok(Self {
            site: Site { router, hosts: Hosts::public(&options.origins.public_url) },
            max_connections: limits.connections,
            metrics,
            listener,
            management,
            delivery,
            forwarder,
            kafka,
            geo,
            shutdown,
        })
    }

    /// The address that the relay listens on, with the port that was selected for port 0.
    ///
    /// # Errors
    /// If the system does not return it.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// The same for the management listener, if it is on.
    ///
    /// # Errors
    /// If the system does not return it.
    pub fn management_address(&self) -> io::Result<Option<SocketAddr>> {
        self.management.as_ref().map(|(listener, _)| listener.local_addr()).transpose()
    }

    /// Serves until shutdown, then completes requests and deliveries that have begun.
    pub async fn run(self) {
        let shutdown = self.shutdown;
        let background = TaskTracker::new();
        if let Some(forwarder) = self.forwarder {
            background.spawn(forwarder.run(shutdown.clone()));
            background.spawn(wake_on_hangup(self.delivery, shutdown.clone()));
        }
        background.spawn(self.geo.reload_on_change(shutdown.clone()));
        background.close();

        let (listener, site) = (self.listener, self.site);
        let server =
            server::serve(listener, site, self.max_connections, self.metrics, shutdown.clone());
        let stopping = shutdown.clone();
        let management = async {
            if let Some((listener, site)) = self.management {
                // The relay's metrics are those of visitors' connections.
                let own = Arc::default();
                server::serve(listener, site, MANAGEMENT_CONNECTIONS, own, stopping).await;
            }
        };
        let complete = async {
            // Requests first: they may still produce.
            tokio::join!(server, management);
            background.wait().await;
            if let Some(kafka) = self.kafka {
                // The flush blocks. A join error means that it panicked, which is logged already.
                let _ = spawn_blocking(move || kafka.flush()).await;
            }
        };
        let timeout = async {
            shutdown.cancelled().await;
            tracing::info!("stopping");
            sleep(SHUTDOWN_TIMEOUT).await;
        };
        tokio::select! {
            () = complete => {}
            () = timeout => {
                tracing::warn!("shutdown timed out: some connections or deliveries are aborted");
            }
        }
        tracing::info!("stopped");
    }
}

/// Listens on this address, which the option chooses.
async fn bind(address: SocketAddr, option: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!("cannot listen on {address}; choose another address with {option}")
    })
}

/// Wakes the forwarder at each SIGHUP, so that it reloads certificates at once.
async fn wake_on_hangup(delivery: Arc<Delivery>, shutdown: CancellationToken) {
    let mut hangup = match signal(SignalKind::hangup()) {
        Ok(hangup) => hangup,
        Err(error) => return tracing::warn!("cannot install the SIGHUP handler: {error}"),
    };
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return,
            received = hangup.recv() => match received {
                Some(()) => delivery.wake_forwarder(),
                None => return,
            },
        }
    }
}
