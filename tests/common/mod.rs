//! Random models and sessions for tests, the same for the same seed on every machine.

use foreclick::event::{EncodedEvent, NO_TIME};
use foreclick::format::{
    Architecture, Block, Context, Counting, EncoderKind, FORMAT_VERSION, FieldWeights, GAP_BUCKETS, HOURS, HeadWeights,
    ItemTable, Matrix, Metadata, Model, Neighbours, OPEN_BUCKETS, PersonalStart, REPEAT_BUCKETS, REPEAT_COUNTS,
    REPEAT_LASTS, TERMS, WEEKDAYS, Weights,
};
use foreclick::schema::{
    Field, FieldKind, FilterSeen, Head, HeadKind, Missing, Number, NumberEncoding, Schema, Task, Vector,
};
use foreclick::text;
use foreclick::vocab::{UNKNOWN_ITEM, Vocab};
use std::convert::Infallible;

/// What a random model looks like.
#[derive(Debug, Clone, Copy)]
pub struct ModelShape {
    pub hidden: usize,
    pub heads: usize,
    pub blocks: usize,
    pub feed_forward: usize,
    pub max_len: usize,
    pub items: usize,
    pub has_group: bool,
    /// All that can be told of an event: a category, a number of each encoding, calendar and repeat counts.
    pub has_fields: bool,
    pub filter_seen: FilterSeen,
}

/// SplitMix64: small, and good enough for weights.
pub struct Random(pub u64);

impl Random {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        (self.next() % limit as u64) as usize
    }

    /// Between -1 and 1.
    pub fn signed(&mut self) -> f32 {
        (self.next() >> 40) as f32 / (1 << 23) as f32 - 1.0
    }

    pub fn vector(&mut self, length: usize, scale: f32) -> Vec<f32> {
        (0..length).map(|_| scale * self.signed()).collect()
    }

    /// Products with it keep the size of what goes in.
    pub fn matrix(&mut self, rows: usize, columns: usize) -> Matrix {
        Matrix { columns, values: self.vector(rows * columns, (3.0 / columns as f32).sqrt()) }
    }

    fn norm(&mut self, length: usize) -> Vec<f32> {
        (0..length).map(|_| 1.0 + 0.3 * self.signed()).collect()
    }
}

/// A model with random weights, its matrices int8 as in a shipped file.
pub fn random_model(shape: ModelShape, seed: u64) -> Model {
    unquantized_model(shape, seed).quantized(8)
}

/// A model with random weights, as training leaves it.
pub fn unquantized_model(shape: ModelShape, seed: u64) -> Model {
    unquantized_model_of(EncoderKind::Transformer, shape, seed)
}

/// The same with any encoder; what only counts has no hidden values.
pub fn unquantized_model_of(encoder: EncoderKind, shape: ModelShape, seed: u64) -> Model {
    let shape = match encoder {
        EncoderKind::Counting => ModelShape { hidden: 0, blocks: 0, ..shape },
        _ => shape,
    };
    let ModelShape { hidden, heads, blocks, feed_forward, max_len, items, has_group, has_fields, filter_seen } = shape;
    let random = &mut Random(seed);
    let context = if has_group { Context::OpenGroup } else { Context::LastEvents };
    let counting = Counting { decay: 0.97, recency_epsilon: 0.1, neighbour_epsilon: 0.01, context };
    let architecture =
        Architecture { encoder, hidden, heads, blocks, feed_forward, max_len, repeat_counts: has_fields, counting };
    architecture.validate().unwrap();
    let schema = Schema {
        has_time: true,
        has_group,
        hour: has_fields,
        weekday: has_fields,
        filter_seen,
        fields: if has_fields { fields() } else { vec![] },
        tasks: vec![Task::NextItem],
        heads: if has_fields && hidden > 0 { answered() } else { vec![] },
    };
    schema.validate().unwrap();
    let table = |random: &mut Random, rows| if has_fields { random.matrix(rows, hidden) } else { Matrix::default() };
    let weights = Weights {
        items: ItemTable::F32(unit_rows(random, items, hidden)),
        item_bias: random.vector(items, 4.0),
        item_repeat: random.vector(items, 1.0),
        start: random.vector(hidden, 1.0),
        gap: random.matrix(GAP_BUCKETS, hidden),
        hour: table(random, HOURS),
        weekday: table(random, WEEKDAYS),
        repeat_counts: table(random, REPEAT_BUCKETS),
        fields: schema.fields.iter().map(|field| field_weights(random, &field.kind, hidden)).collect(),
        blocks: random_blocks(random, &architecture),
        final_norm: random.norm(hidden),
        gates: random.matrix(TERMS, hidden),
        gate_bias: random.vector(TERMS, 1.0),
        gate_open: random.matrix(OPEN_BUCKETS, TERMS),
        log_scale: 2.5,
        repeat: random.matrix(REPEAT_LASTS, REPEAT_COUNTS),
        heads: schema.heads.iter().map(|head| head_weights(random, head, hidden)).collect(),
        neighbours: neighbours(random, items),
        low_rank: vec![],
    };
    let metadata = Metadata {
        format_version: FORMAT_VERSION,
        schema,
        architecture,
        bits: 32,
        base: None,
        provenance: [("seed".to_owned(), seed.to_string())].into_iter().collect(),
        metrics: [].into_iter().collect(),
    };
    let vocab = Vocab::from_keys((0..items).map(|item| format!("{item:07}"))).unwrap();
    Model { metadata, vocab, weights, personal: PersonalStart::default() }
}

/// A task of each kind.
fn answered() -> Vec<Head> {
    let names = ["calm", "glad", "sad"].map(str::to_owned).to_vec();
    let kinds = [
        ("buys", HeadKind::Binary { threshold: 0.25 }),
        ("mood", HeadKind::Classes { names, shares: vec![0.5, 0.2, 0.3] }),
        ("spend", HeadKind::Number { mean: 20.0, std: 4.0 }),
    ];
    kinds.map(|(name, kind)| Head { name: name.into(), kind }).to_vec()
}

fn head_weights(random: &mut Random, head: &Head, hidden: usize) -> HeadWeights {
    let outputs = head.outputs();
    HeadWeights { weight: random.matrix(outputs, hidden), bias: random.vector(outputs, 1.0), log_variance: 0.0 }
}

/// Rows of the made-up text field's table.
pub const TEXT_BUCKETS: usize = 100;

/// Texts of many scripts, some of them empty or long.
pub const TEXTS: [&str; 8] = [
    "",
    "So good!!! :-) I'd buy it again",
    "这茶很好喝，我会再买。",
    "すごく良い😀👍🏽 ",
    "ОЧЕНЬ ВКУСНО – Στους ΦΊΛΟΥΣ μου",
    "ขอบคุณมาก मज़ेदार مذاق رائع",
    "cafe\u{301} ＡＢＣ \u{fffd}\u{0}\u{200d}❤️",
    "word by word by word by word by word by word by word by word by word by word by word by word by word",
];

fn fields() -> Vec<Field> {
    let number = |name: &str, encoding, bounds: &[f32]| Field {
        name: name.into(),
        kind: FieldKind::Number(Number { mean: 10.0, std: 3.0, encoding, bounds: bounds.to_vec() }),
        missing: Missing::Row,
    };
    let field = |name: &str, kind| Field { name: name.into(), kind, missing: Missing::Row };
    let picture = Vector { mean: vec![0.5, -2.0, 0.0], std: vec![0.25, 1.0, 3.0] };
    vec![
        field("review", FieldKind::Text { buckets: TEXT_BUCKETS }),
        field("kind", FieldKind::Category { values: vec!["view".into(), "cart".into()] }),
        number("price", NumberEncoding::Linear, &[]),
        number("size", NumberEncoding::Buckets, &[-3.5, 0.0, 0.1, 1e6]),
        field("picture", FieldKind::Vector(picture)),
        number("age", NumberEncoding::Periodic, &[]),
    ]
}

fn field_weights(random: &mut Random, kind: &FieldKind, hidden: usize) -> FieldWeights {
    FieldWeights { encoding: kind.encoding(), rows: random.matrix(kind.rows(), hidden) }
}

fn random_blocks(random: &mut Random, architecture: &Architecture) -> Vec<Block> {
    let Some(shapes) = Block::shapes(architecture) else { return vec![] };
    let mut parameter = |name: &str, [rows, columns]: [usize; 2]| match rows {
        1 if name.ends_with("norm") => Matrix::vector(random.norm(columns)),
        1 => Matrix::vector(random.vector(columns, 0.5)),
        _ => random.matrix(rows, columns),
    };
    let mut block = || {
        let Ok(block) = shapes.try_map(|name, shape| Ok::<_, Infallible>(parameter(name, *shape)));
        block
    };
    (0..architecture.blocks).map(|_| block()).collect()
}

fn unit_rows(random: &mut Random, items: usize, hidden: usize) -> Matrix {
    let mut rows = random.matrix(items, hidden);
    for row in rows.values.chunks_exact_mut(hidden.max(1)) {
        let length = row.iter().map(|value| value * value).sum::<f32>().sqrt();
        row.iter_mut().for_each(|value| *value /= length);
    }
    rows
}

/// Up to eight neighbours an item, none of them twice.
fn neighbours(random: &mut Random, items: usize) -> Neighbours {
    let mut neighbours = Neighbours { offsets: vec![0], ..Neighbours::default() };
    for _ in 0..items {
        let mut row: Vec<u32> = (0..random.below(9)).map(|_| random.below(items) as u32).collect();
        row.sort_unstable();
        row.dedup();
        neighbours.weights.extend(row.iter().map(|_| random.below(256) as u8));
        neighbours.items.extend(row);
        neighbours.offsets.push(neighbours.items.len() as u32);
        neighbours.scales.push(0.5 + 0.5 * random.signed().abs());
    }
    neighbours
}

/// Random events for a model: some items unknown, some values missing, groups of one to four events.
pub fn random_events(shape: ModelShape, count: usize, seed: u64) -> Vec<EncodedEvent> {
    let random = &mut Random(seed);
    let (mut time, mut group) = (0, 0);
    (0..count)
        .map(|_| {
            if shape.has_group && random.below(3) == 0 {
                group += 1;
            }
            let longest = 1 << random.below(30);
            time += random.below(longest) as i64;
            let fields = if shape.has_fields {
                let mut number = |code: f32| if random.below(4) == 0 { f32::NAN } else { code * random.signed() };
                let numbers = [number(2.0), number(3.0).abs(), number(2.0)];
                let mut codes = vec![];
                text::codes(TEXTS[random.below(TEXTS.len())], TEXT_BUCKETS, &mut codes);
                codes.extend([random.below(3) as f32, numbers[0], numbers[1]]);
                let is_missing = random.below(4) == 0;
                codes.extend((0..3).map(|_| if is_missing { f32::NAN } else { 2.0 * random.signed() }));
                codes.push(numbers[2]);
                codes
            } else {
                vec![]
            };
            // A few items come again and again.
            let item = match random.below(10) {
                0 => UNKNOWN_ITEM,
                1..4 => random.below(shape.items.min(5)) as u32,
                _ => random.below(shape.items) as u32,
            };
            EncodedEvent { item, time: if random.below(20) == 0 { NO_TIME } else { time }, group, fields }
        })
        .collect()
}
