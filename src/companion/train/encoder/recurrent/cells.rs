//! One step of a recurrent layer for all windows, and its gradient: what is done value by value.

use crate::companion::train::vector::{sigmoid, tanh};

/// What a step's backward pass reads; each `[windows, hidden]`, the gates `[windows, gates * hidden]`.
pub struct Step<'a> {
    pub gates: &'a [f32],
    pub beside: &'a [f32],
    pub before: &'a [f32],
    pub beside_before: &'a [f32],
}

/// A kind of recurrent layer.
pub trait Cell {
    /// Gates, the candidate included.
    const GATES: usize;

    /// From what input and state give the gates (`gates` and `own`) to the gates as they are, in place, the new state and
    /// what is kept beside it.
    fn forward(
        hidden: usize,
        gates: &mut [f32],
        own: &[f32],
        before: &[f32],
        beside_before: &[f32],
        state: &mut [f32],
        beside: &mut [f32],
    );

    /// From the gradient of the state to that of the state before, in place, but for what goes through `own`. Writes the
    /// gradients of what the input (`given`) and the state (`own`) give the gates.
    fn backward(
        hidden: usize,
        step: &Step<'_>,
        state_gradient: &mut [f32],
        beside_gradient: &mut [f32],
        given: &mut [f32],
        own: &mut [f32],
    );
}

/// See `engine/cpu/encode/recurrent.rs`. Beside the state it keeps the candidate's product with the state.
pub struct Gru;

impl Cell for Gru {
    const GATES: usize = 3;

    fn forward(
        hidden: usize,
        gates: &mut [f32],
        own: &[f32],
        before: &[f32],
        _: &[f32],
        state: &mut [f32],
        beside: &mut [f32],
    ) {
        for (window, gates) in gates.chunks_exact_mut(3 * hidden).enumerate() {
            let own = &own[window * 3 * hidden..][..3 * hidden];
            let here = window * hidden..(window + 1) * hidden;
            let (before, state, beside) = (&before[here.clone()], &mut state[here.clone()], &mut beside[here]);
            let (update, rest) = gates.split_at_mut(hidden);
            let (reset, candidate) = rest.split_at_mut(hidden);
            for place in 0..hidden {
                update[place] = sigmoid(update[place] + own[place]);
                reset[place] = sigmoid(reset[place] + own[hidden + place]);
                beside[place] = own[2 * hidden + place];
                candidate[place] = tanh(candidate[place] + reset[place] * beside[place]);
                state[place] = candidate[place] + update[place] * (before[place] - candidate[place]);
            }
        }
    }

    fn backward(
        hidden: usize,
        step: &Step<'_>,
        state_gradient: &mut [f32],
        _: &mut [f32],
        given: &mut [f32],
        own: &mut [f32],
    ) {
        let Step { gates, beside, before, beside_before: _ } = *step;
        for (window, gradient) in state_gradient.chunks_exact_mut(hidden).enumerate() {
            let wide = window * 3 * hidden..(window + 1) * 3 * hidden;
            let (gates, given, own) = (&gates[wide.clone()], &mut given[wide.clone()], &mut own[wide]);
            let here = window * hidden..(window + 1) * hidden;
            let (beside, before) = (&beside[here.clone()], &before[here]);
            for place in 0..hidden {
                let (update, reset) = (gates[place], gates[hidden + place]);
                let candidate = gates[2 * hidden + place];
                let towards = gradient[place] * (1.0 - update) * (1.0 - candidate * candidate);
                given[place] = gradient[place] * (before[place] - candidate) * update * (1.0 - update);
                given[hidden + place] = towards * beside[place] * reset * (1.0 - reset);
                given[2 * hidden + place] = towards;
                own[place] = given[place];
                own[hidden + place] = given[hidden + place];
                own[2 * hidden + place] = towards * reset;
                gradient[place] *= update;
            }
        }
    }
}

/// See `engine/cpu/encode/recurrent.rs`. Beside the state it keeps the cells.
pub struct Lstm;

impl Cell for Lstm {
    const GATES: usize = 4;

    fn forward(
        hidden: usize,
        gates: &mut [f32],
        own: &[f32],
        _: &[f32],
        beside_before: &[f32],
        state: &mut [f32],
        beside: &mut [f32],
    ) {
        for (window, gates) in gates.chunks_exact_mut(4 * hidden).enumerate() {
            let own = &own[window * 4 * hidden..][..4 * hidden];
            let here = window * hidden..(window + 1) * hidden;
            let (before, state, cells) = (&beside_before[here.clone()], &mut state[here.clone()], &mut beside[here]);
            let (both, rest) = gates.split_at_mut(2 * hidden);
            let (input, forget) = both.split_at_mut(hidden);
            let (candidate, output) = rest.split_at_mut(hidden);
            for place in 0..hidden {
                input[place] = sigmoid(input[place] + own[place]);
                forget[place] = sigmoid(forget[place] + own[hidden + place]);
                candidate[place] = tanh(candidate[place] + own[2 * hidden + place]);
                output[place] = sigmoid(output[place] + own[3 * hidden + place]);
                cells[place] = forget[place] * before[place] + input[place] * candidate[place];
                state[place] = output[place] * tanh(cells[place]);
            }
        }
    }

    fn backward(
        hidden: usize,
        step: &Step<'_>,
        state_gradient: &mut [f32],
        beside_gradient: &mut [f32],
        given: &mut [f32],
        own: &mut [f32],
    ) {
        let Step { gates, beside, before: _, beside_before } = *step;
        for (window, gradient) in state_gradient.chunks_exact_mut(hidden).enumerate() {
            let wide = window * 4 * hidden..(window + 1) * 4 * hidden;
            let (gates, given) = (&gates[wide.clone()], &mut given[wide]);
            let here = window * hidden..(window + 1) * hidden;
            let (cells, before) = (&beside[here.clone()], &beside_before[here.clone()]);
            let cell_gradients = &mut beside_gradient[here];
            for place in 0..hidden {
                let (input, forget) = (gates[place], gates[hidden + place]);
                let (candidate, output) = (gates[2 * hidden + place], gates[3 * hidden + place]);
                let shown = tanh(cells[place]);
                let cell = cell_gradients[place] + gradient[place] * output * (1.0 - shown * shown);
                given[place] = cell * candidate * input * (1.0 - input);
                given[hidden + place] = cell * before[place] * forget * (1.0 - forget);
                given[2 * hidden + place] = cell * input * (1.0 - candidate * candidate);
                given[3 * hidden + place] = gradient[place] * shown * output * (1.0 - output);
                cell_gradients[place] = cell * forget;
                gradient[place] = 0.0;
            }
        }
        own.copy_from_slice(given);
    }
}
