//! ONNX's own structures as protobuf bytes: <https://github.com/onnx/onnx/blob/main/onnx/onnx.proto>.
//!
//! Only writing, and only the few fields that a graph of plain operators has.

/// A graph that is being written.
#[derive(Debug, Default)]
pub struct Graph {
    message: Message,
    values: usize,
}

/// An operator's attribute.
#[derive(Debug, Clone, Copy)]
pub enum Attribute<'a> {
    /// A whole number.
    Int(&'a str, i64),
    /// Several.
    Ints(&'a str, &'a [i64]),
    /// A text.
    Text(&'a str, &'a str),
}

/// A tensor's number type, as ONNX numbers it.
#[derive(Debug, Clone, Copy)]
pub enum Type {
    /// 32-bit float.
    Float = 1,
    /// 64-bit integer.
    Int64 = 7,
}

impl Graph {
    /// Adds an operator and names its one output.
    pub fn node(&mut self, operator: &str, inputs: &[&str], attributes: &[Attribute<'_>]) -> String {
        let [output] = self.nodes(operator, inputs, attributes);
        output
    }

    /// Adds an operator and names its outputs.
    pub fn nodes<const N: usize>(
        &mut self,
        operator: &str,
        inputs: &[&str],
        attributes: &[Attribute<'_>],
    ) -> [String; N] {
        let outputs = std::array::from_fn(|place| format!("{operator}_{}", self.values + place));
        self.values += N;
        let named: Vec<&str> = outputs.iter().map(String::as_str).collect();
        self.named_nodes(operator, inputs, &named, attributes);
        outputs
    }

    /// Adds an operator whose outputs have these names.
    pub fn named_nodes(&mut self, operator: &str, inputs: &[&str], outputs: &[&str], attributes: &[Attribute<'_>]) {
        let mut node = Message::default();
        inputs.iter().for_each(|input| node.text(1, input));
        outputs.iter().for_each(|output| node.text(2, output));
        node.text(4, operator);
        for attribute in attributes {
            let mut message = Message::default();
            match *attribute {
                Attribute::Int(name, value) => {
                    message.text(1, name);
                    message.int(3, value);
                    message.int(20, 2);
                }
                Attribute::Ints(name, values) => {
                    message.text(1, name);
                    values.iter().for_each(|&value| message.int(8, value));
                    message.int(20, 7);
                }
                Attribute::Text(name, text) => {
                    message.text(1, name);
                    message.text(4, text);
                    message.int(20, 3);
                }
            }
            node.message(5, &message);
        }
        self.message.message(1, &node);
    }

    /// Adds a constant of floats and gives its name back.
    pub fn floats<'n>(&mut self, name: &'n str, shape: &[usize], values: &[f32]) -> &'n str {
        self.constant(name, Type::Float, shape, bytemuck::cast_slice(values))
    }

    /// Adds a constant of whole numbers, one axis, and gives its name back.
    pub fn ints<'n>(&mut self, name: &'n str, values: &[i64]) -> &'n str {
        self.constant(name, Type::Int64, &[values.len()], bytemuck::cast_slice(values))
    }

    fn constant<'n>(&mut self, name: &'n str, kind: Type, shape: &[usize], bytes: &[u8]) -> &'n str {
        let mut tensor = Message::default();
        shape.iter().for_each(|&length| tensor.int(1, length as i64));
        tensor.int(2, kind as i64);
        tensor.text(8, name);
        tensor.bytes(9, bytes);
        self.message.message(5, &tensor);
        name
    }

    /// Adds an input; an axis is a name, for any length, or a number.
    pub fn input(&mut self, name: &str, kind: Type, axes: &[&str], about: &str) {
        self.message.message(11, &value(name, kind, axes, about));
    }

    /// Adds an output, which some operator has named.
    pub fn output(&mut self, name: &str, kind: Type, axes: &[&str], about: &str) {
        self.message.message(12, &value(name, kind, axes, about));
    }

    /// The whole file.
    pub fn finish(mut self, name: &str, about: &str, opset: i64) -> Vec<u8> {
        self.message.text(2, name);
        let mut operators = Message::default();
        operators.int(2, opset);
        let mut model = Message::default();
        // The first version of the format that has this opset is 8.
        model.int(1, 8);
        model.text(2, "foreclick");
        model.text(3, env!("CARGO_PKG_VERSION"));
        model.text(6, about);
        model.message(7, &self.message);
        model.message(8, &operators);
        model.0
    }
}

fn value(name: &str, kind: Type, axes: &[&str], about: &str) -> Message {
    let mut shape = Message::default();
    for axis in axes {
        let mut dimension = Message::default();
        match axis.parse() {
            Ok(length) => dimension.int(1, length),
            Err(_) => dimension.text(2, axis),
        }
        shape.message(1, &dimension);
    }
    let mut tensor = Message::default();
    tensor.int(1, kind as i64);
    tensor.message(2, &shape);
    let mut described = Message::default();
    described.message(1, &tensor);
    let mut value = Message::default();
    value.text(1, name);
    value.message(2, &described);
    value.text(3, about);
    value
}

/// A protobuf message: <https://protobuf.dev/programming-guides/encoding/>.
#[derive(Debug, Default)]
struct Message(Vec<u8>);

impl Message {
    fn int(&mut self, field: u64, value: i64) {
        self.varint(field << 3);
        self.varint(value as u64);
    }

    fn bytes(&mut self, field: u64, bytes: &[u8]) {
        self.varint(field << 3 | 2);
        self.varint(bytes.len() as u64);
        self.0.extend_from_slice(bytes);
    }

    fn text(&mut self, field: u64, text: &str) {
        self.bytes(field, text.as_bytes());
    }

    fn message(&mut self, field: u64, message: &Self) {
        self.bytes(field, &message.0);
    }

    fn varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.0.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.0.push(value as u8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_texts_are_as_protobuf_has_them() {
        let mut message = Message::default();
        // The examples of protobuf's own description.
        message.int(1, 150);
        message.text(2, "testing");
        assert_eq!(message.0, [0x08, 0x96, 0x01, 0x12, 0x07, 0x74, 0x65, 0x73, 0x74, 0x69, 0x6e, 0x67]);
        let mut negative = Message::default();
        negative.int(1, -2);
        assert_eq!(negative.0, [8, 0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1]);
    }
}
