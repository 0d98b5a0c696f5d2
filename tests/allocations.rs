//! Once a session is warm, an event allocates nothing and a prediction only its result.
#![expect(clippy::unwrap_used, reason = "helpers of tests may panic as tests do")]

#[expect(dead_code, reason = "other tests use the rest")]
mod common;

use common::{ModelShape, random_events, unquantized_model_of};
use foreclick::engine::Stream;
use foreclick::engine::cpu::{Cpu, Simd};
use foreclick::event::Upcoming;
use foreclick::format::{EncoderKind, Model};
use foreclick::schema::FilterSeen;
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: all is the system allocator's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller keeps alloc's contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps dealloc's contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_warm_session_allocates_only_results() {
    let shape = ModelShape {
        hidden: 64,
        heads: 2,
        blocks: 2,
        feed_forward: 128,
        max_len: 20,
        items: 5000,
        has_group: true,
        has_fields: true,
        filter_seen: FilterSeen::Group,
    };
    for encoder in EncoderKind::ALL {
        let model = Arc::new(unquantized_model_of(encoder, shape, 1).quantized(8));
        check(model, shape);
    }
}

fn check(model: Arc<Model>, shape: ModelShape) {
    let encoder = model.metadata.architecture.encoder;
    let mut stream = Stream::new(model.clone(), Cpu::<Simd>::new(model)).unwrap();
    let mut events = random_events(shape, 400, 2);
    // Items met for the first time are remembered: from the second round on there are none.
    let round = events.clone();
    events.extend(round);
    let mut allocations = Vec::new();
    for event in &events {
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        stream.observe(event.view()).unwrap();
        let observed = ALLOCATIONS.load(Ordering::Relaxed);
        stream.score(Upcoming { group: event.group }, &[]).unwrap();
        let ranked = stream.ops_mut().rank(10, None).ranked;
        allocations.push((observed - before, ALLOCATIONS.load(Ordering::Relaxed) - observed));
        assert_eq!(ranked.len(), 10);
    }
    assert!(allocations[..400].iter().any(|&(observe, _)| observe > 0), "nothing was counted");
    assert!(allocations[500..].iter().all(|&counts| counts == (0, 1)), "{encoder:?}: {:?}", &allocations[500..]);
}
