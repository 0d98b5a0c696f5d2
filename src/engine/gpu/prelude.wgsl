// What every shader begins with, after the constants of its sizes.

const EXCLUDED: f32 = -3.0e38;

// What changes from call to call.
struct Call {
    // What the open group's size adds to the gates, four a vector.
    open: array<vec4<f32>, (TERMS + 3) / 4>,
    steps: u32,
    adjustments: u32,
    k: u32,
    has_priors: u32,
}

// What the encoder leaves.
struct State {
    // The query as int16 codes, four a quad, filled up with zeros.
    codes: array<vec4<i32>, QUADS>,
    // The same as bytes, four a word: a code is 256 times its high byte plus its low one, which is kept less 128 so that it
    // is signed too.
    bytes: array<vec2<u32>, QUADS>,
    // The gates that it asks for; the open group's size shifts them.
    gates: array<f32, TERMS>,
    // What a code is worth.
    scale: f32,
    query: array<f32, HIDDEN>,
}
