//! The relay, built from its configuration, with graceful shutdown.

use crate::{
    clock,
    config::Config,
    ingest::limits::Limits,
    metrics::Metrics,
    rlimit, routes, server,
    sink::{Delivery, Forwarder, Sink},
};
use anyhow::Context;
use axum::Router;
use event_store::Store;
use geo_ip::Geo;
use kafka_client::{Connection, EventReader, Kafka, Registry};
use live_stats::{Capacity, LiveStats, Source, StoreSource, TopicSource};
use std::{net::SocketAddr, sync::Arc, time::Duration};
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

/// A relay that has opened its port and is ready to run.
pub struct App {
    listener: TcpListener,
    address: SocketAddr,
    router: Router,
    max_connections: usize,
    metrics: Arc<Metrics>,
    delivery: Arc<Delivery>,
    forwarder: Option<Forwarder>,
    kafka: Option<Arc<Kafka>>,
    geo: Geo,
    shutdown: CancellationToken,
}

impl App {
    /// Opens the port, the store and the geo database. Kafka and the registry need not be available.
    /// The relay stops when `shutdown` is cancelled.
    ///
    /// # Errors
    /// If one of these cannot be opened.
    pub async fn build(config: Config, shutdown: CancellationToken) -> anyhow::Result<Self> {
        let Config { options, kafka } = config;
        let listen = options.listen.address;
        let listener = TcpListener::bind(listen).await.with_context(|| {
            format!("cannot listen on {listen}; choose another address with --listen")
        })?;
        let topic = options.kafka.topic.clone();
        let geo = Geo::open(options.geo)?;
        let store = Store::open(&options.store.store, options.store.limits)?;
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
        let live = LiveStats::start(source, capacity, geo.places(), clock::now, ending)
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
            shutdown: shutdown.clone(),
        };
        let static_dir = options.static_dir.as_deref();
        Ok(Self {
            router: routes::router(Arc::new(context), &options.allowed_origins, static_dir),
            max_connections: limits.connections,
            metrics,
            address: listener.local_addr()?,
            listener,
            delivery,
            forwarder,
            kafka,
            geo,
            shutdown,
        })
    }

    /// The address that the relay listens on, with the port that was selected for port 0.
    pub fn address(&self) -> SocketAddr {
        self.address
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

        let (listener, router) = (self.listener, self.router);
        let server =
            server::serve(listener, router, self.max_connections, self.metrics, shutdown.clone());
        let complete = async {
            // Requests first: they may still produce.
            server.await;
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
