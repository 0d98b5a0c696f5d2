//! What must hold between the keys of foreclick.toml.

use super::{Calendar, Config, ExportConfig, ItemConfig, LogConfig, LogFormat, SequenceConfig, SideConfig};
use crate::companion::train::{Augment, Loss, Method};
use crate::format::EncoderKind;
use crate::quant::BLOCK;
use crate::schema::FilterSeen;
use anyhow::{Result, ensure};

impl Config {
    /// Checks what no single key shows.
    ///
    /// # Errors
    /// Names the keys that contradict each other, and the fix.
    pub fn validate(&self) -> Result<()> {
        let Self {
            log,
            sequence,
            item,
            fields,
            tasks,
            sides,
            split,
            evaluate,
            train,
            fine_tune,
            distill,
            privacy,
            tune,
            export,
        } = self;
        validate_log(log)?;
        validate_sequence(sequence)?;
        validate_item(item, sides)?;
        ensure!(
            !tasks.is_empty() || self.predicts_items(),
            "there is nothing to answer: name the column of items in [item] column (and leave predict as it is), or a [[task]]"
        );
        tasks.iter().try_for_each(|task| task.validate(self))?;
        for field in fields {
            field.validate(sequence.time.is_some())?;
        }
        for side in sides {
            let useful =
                side.on.is_none() || side.columns.iter().any(|column| fields.iter().any(|f| &f.name == column));
            ensure!(
                useful && !side.columns.is_empty(),
                "[[side]] {}: none of its columns is used; name one in a [[field]] or remove the table",
                side.path.display()
            );
        }
        split.validate(sequence.time.is_some())?;
        ensure!(
            evaluate.filter_seen != FilterSeen::Group || sequence.group.is_some(),
            "[evaluate] filter_seen = \"group\" needs [sequence] group; name its column or use \"none\" or \"all\""
        );
        ensure!(
            evaluate.max_validation_events > 0 && evaluate.max_test_events != Some(0),
            "[evaluate] max_validation_events and max_test_events are 1 or more"
        );
        ensure!(
            train.encoder != EncoderKind::Counting || (train.augment == Augment::default() && !train.repeat_counts),
            "[train.augment] and repeat_counts are for encoders, and [train] encoder = \"counting\" is none; remove them or take \
             another"
        );
        ensure!(
            item.features.is_empty() || train.encoder != EncoderKind::Counting,
            "[item] features make item rows, which [train] encoder = \"counting\" has none of; remove them or take another \
             encoder"
        );
        train.validate()?;
        fine_tune.validate(train.encoder)?;
        ensure!(
            fine_tune.from.is_none() || train.pretrain.epochs == 0,
            "[train.pretrain] comes before the first ordinary epoch, and [fine_tune] from goes on from a model that had its own; \
             pretrain that one, or remove one of them"
        );
        ensure!(
            item.features.is_empty() || fine_tune.method == Method::Full,
            "[fine_tune] method = \"full\" is the only one that learns [item] features; take it, or remove them"
        );
        distill.validate()?;
        ensure!(
            distill.teachers.is_empty() || train.loss == Loss::Softmax,
            "[distill] follows the teachers' probabilities, which only [train] loss = \"softmax\" learns; set it"
        );
        privacy.validate()?;
        if privacy.dp {
            self.validate_private()?;
        }
        tune.validate()?;
        export.validate(train.hidden)
    }
}

impl Config {
    /// What a private model cannot be told, or is not yet.
    fn validate_private(&self) -> Result<()> {
        let Self { sequence, item, fields, tasks, train, fine_tune, distill, .. } = self;
        ensure!(
            fine_tune.from.is_none(),
            "a private model begins anew: what [fine_tune] from was learned from is not hidden; remove the section"
        );
        ensure!(
            distill.teachers.is_empty(),
            "what [distill] teachers say tells of the sequences that they were trained on; remove the section"
        );
        ensure!(
            fields.is_empty() && tasks.is_empty() && item.features.is_empty() && !item.include_new,
            "a private model only counts, and [[field]], [[task]], [item] features and include_new are for encoders; remove \
             them, or train without --dp"
        );
        ensure!(
            train.encoder == EncoderKind::Counting && matches!(sequence.calendar, Calendar::None),
            "[privacy] dp = true needs [train] encoder = \"counting\" and [sequence] calendar = \"none\"; set them, or leave both \
             to `foreclick train --dp`"
        );
        ensure!(
            sequence.key.is_some() && sequence.idle_gap.is_none(),
            "a private model hides whole sequences, so that each must be all that the log has of a visitor: set [sequence] key and \
             remove idle_gap"
        );
        Ok(())
    }
}

impl ExportConfig {
    /// Checks the section for a model whose rows have `hidden` values.
    ///
    /// # Errors
    /// Names the value, what was expected and the fix.
    pub fn validate(&self, hidden: usize) -> Result<()> {
        let Self { bits, max_loss } = *self;
        ensure!((0.0..1.0).contains(&max_loss), "[export] max_loss is {max_loss}, expected at least 0 and below 1");
        ensure!([4, 8, 16].contains(&bits), "[export] bits is {bits}, expected 4, 8 or 16");
        ensure!(
            bits != 4 || hidden.is_multiple_of(BLOCK),
            "rows of {hidden} values do not fit 4 bits, expected a multiple of {BLOCK}; export with 8 bits, or train with \
             another [train] hidden"
        );
        Ok(())
    }
}

fn validate_log(log: &LogConfig) -> Result<()> {
    let LogConfig { path: _, format, events, delimiter, first_is_key, duplicates: _ } = log;
    let may_be = |wanted: LogFormat| matches!(*format, LogFormat::Auto) || *format == wanted;
    ensure!(events.is_none() || may_be(LogFormat::Jsonl), "[log] events is for format = \"jsonl\"; remove one of them");
    ensure!(
        !first_is_key || may_be(LogFormat::Text),
        "[log] first_is_key is for format = \"text\"; remove one of them"
    );
    let cells = may_be(LogFormat::Csv) || *format == LogFormat::Text;
    ensure!(delimiter.is_none() || cells, "[log] delimiter is for format = \"csv\" or \"text\"; remove one of them");
    if let Some(delimiter) = delimiter {
        ensure!(delimiter.is_ascii(), "[log] delimiter is {delimiter:?}, expected an ASCII character");
    }
    Ok(())
}

fn validate_sequence(sequence: &SequenceConfig) -> Result<()> {
    let SequenceConfig {
        key,
        each_row,
        time,
        time_unit: _,
        calendar,
        group,
        idle_gap,
        min_length,
        robot_events_per_hour,
    } = sequence;
    ensure!(
        !each_row || (key.is_none() && group.is_none() && idle_gap.is_none()),
        "[sequence] each_row makes a sequence of each row, which has neither key, group nor idle_gap; remove them"
    );
    ensure!(
        time.is_some() || matches!(calendar, Calendar::Auto | Calendar::None),
        "[sequence] calendar needs the column of times: set [sequence] time"
    );
    ensure!(idle_gap.is_none() || time.is_some(), "[sequence] idle_gap needs the column of times: set [sequence] time");
    ensure!(
        robot_events_per_hour.is_none() || time.is_some(),
        "[sequence] robot_events_per_hour needs the column of times: set [sequence] time"
    );
    ensure!(*min_length > 0, "[sequence] min_length is 0, expected 1 or more");
    Ok(())
}

fn validate_item(item: &ItemConfig, sides: &[SideConfig]) -> Result<()> {
    let ItemConfig { column: _, predict: _, min_count: _, min_sequences: _, features, include_new } = item;
    for (place, feature) in features.iter().enumerate() {
        let column = feature.column();
        let described = sides.iter().any(|side| side.on.is_none() && side.columns.iter().any(|name| name == column));
        ensure!(
            described,
            "[item] features: {column:?} is no column of a side table of items; name it in columns of a [[side]] without on"
        );
        let repeated = features[..place].iter().any(|other| other.column() == column);
        ensure!(!repeated, "[item] features: {column:?} comes twice; remove one");
    }
    ensure!(
        !include_new || !features.is_empty(),
        "[item] include_new needs features to rank new items by; name a side table's columns in [item] features"
    );
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::companion::config::LogPath;
    use std::path::Path;

    const WHOLE: &str = r#"
[log]
path = "events.csv"
[sequence]
key = "user"
time = "when"
group = "basket"
idle_gap = "30m"
robot_events_per_hour = 500
[item]
column = "sku"
[[field]]
name = "price"
kind = "number"
[[field]]
name = "brand"
kind = "category"
min_count = 9
[[side]]
path = "items.parquet"
key = "sku"
columns = ["brand"]
[split]
kind = "time"
validation_from = 2024-05-01
test_from = "2024-06-01T12:00:00Z"
[evaluate]
filter_seen = "group"
[train]
hidden = 32
[export]
max_loss = 0.02
"#;

    fn parse(text: &str) -> Result<Config> {
        Config::parse(text, Path::new("shop"))
    }

    #[test]
    fn paths_are_relative_to_the_file_and_defaults_hold() {
        let config = parse(WHOLE).unwrap();
        assert_eq!(config.log.path, LogPath::One("shop/events.csv".into()));
        assert_eq!(config.sides[0].path, Path::new("shop/items.parquet"));
        assert_eq!((config.item.min_count, config.sequence.min_length, config.export.bits), (5, 2, 8));
        assert_eq!((config.train.hidden, config.train.heads), (32, 2));
        assert_eq!(config.split.test_from.unwrap().milliseconds, 1_717_243_200_000);
    }

    #[test]
    fn a_config_survives_being_written() {
        let config = parse(WHOLE).unwrap();
        let text = toml::to_string(&config).unwrap();
        assert_eq!(Config::parse(&text, Path::new("")).unwrap(), config);
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        for (old, new, message) in [
            ("path = \"events.csv\"", "path = 7", "a path or an array of paths"),
            ("[item]", "[item]\ncolor = 1", "unknown field `color`"),
            ("hidden = 32", "layers = 2", "unknown field `layers`"),
            ("[[side]]", "[[task]]\nname = \"buy\"\nkind = \"binary\"\n[[side]]", "name the log's column of labels"),
            ("[[side]]", "[[task]]\nname = \"up\"\nkind = \"direction\"\nof = \"brand\"\n[[side]]", "of is \"brand\""),
            (
                "[[side]]",
                "[[task]]\nname = \"spend\"\nkind = \"number\"\ncolumn = \"price\"\n[[side]]",
                "the answer would be known",
            ),
            (
                "[[side]]",
                "[[task]]\nname = \"mood\"\nkind = \"classes\"\ncolumn = \"mood\"\ncost_false_negative = 2\n[[side]]",
                "costs are for yes and no",
            ),
            ("column = \"sku\"", "column = \"sku\"\npredict = false", "there is nothing to answer"),
            ("key = \"user\"", "key = \"user\"\neach_row = true", "remove them"),
            ("kind = \"time\"", "kind = \"time\"\ntest_share = 0.3", "are for kind = \"sequence\""),
            ("\"30m\"", "\"half an hour\"", "such as \"30m\""),
            ("time = \"when\"", "", "idle_gap needs"),
            ("group = \"basket\"", "", "needs [sequence] group"),
            ("validation_from = 2024-05-01", "", "needs validation_from and test_from"),
            ("validation_from = 2024-05-01", "validation_from = 2024-07-01", "expected before test_from"),
            ("2024-05-01", "\"May\"", "is no date"),
            ("[evaluate]", "train_from = 2024-05-02\n[evaluate]", "train_from is not before"),
            ("kind = \"time\"", "kind = \"leave_one_out\"", "are for kind = \"time\""),
            ("kind = \"number\"", "kind = \"number\"\nmin_count = 3", "min_count is for categories"),
            ("kind = \"category\"", "kind = \"category\"\nencoding = \"linear\"", "encoding is for numbers"),
            ("kind = \"number\"", "kind = \"number\"\nencoding = \"square\"", "`linear`, `buckets`, `periodic`"),
            ("kind = \"number\"", "kind = \"number\"\nbuckets = 64", "buckets is for texts"),
            ("kind = \"number\"", "kind = \"text\"\nbuckets = 70000", "buckets is 70000, expected 1 to 65536"),
            ("kind = \"number\"", "kind = \"text\"\nmissing = \"last\"", "a text does not last"),
            ("kind = \"category\"", "kind = \"category\"\nmissing = \"interpolate\"", "is for numbers at times"),
            ("kind = \"number\"", "kind = \"number\"\nmissing = \"mean\"", "`row`, `last`, `interpolate`"),
            ("time = \"when\"\n", "calendar = \"hour\"\n", "calendar needs the column of times"),
            ("[sequence]", "[sequence]\ncalendar = \"month\"", "`auto`, `none`, `hour`, `weekday`, `both`"),
            ("columns = [\"brand\"]", "columns = []", "none of its columns is used"),
            ("columns = [\"brand\"]", "columns = [\"town\"]\non = \"user\"", "none of its columns is used"),
            ("column = \"sku\"", "column = \"sku\"\nfeatures = [\"town\"]", "\"town\" is no column of a side table"),
            ("column = \"sku\"", "column = \"sku\"\nfeatures = [\"brand\", \"brand\"]", "\"brand\" comes twice"),
            ("column = \"sku\"", "column = \"sku\"\nfeatures = [7]", "expected a column's name, or {"),
            (
                "column = \"sku\"",
                "column = \"sku\"\nfeatures = [{ column = \"brand\", kind = \"picture\" }]",
                "expected a column's name, or {",
            ),
            ("column = \"sku\"", "column = \"sku\"\ninclude_new = true", "include_new needs features"),
            ("[sequence]", "format = \"csv\"\nevents = \"clicks\"\n[sequence]", "events is for"),
            ("[sequence]", "format = \"csv\"\nfirst_is_key = true\n[sequence]", "first_is_key is for"),
            ("[sequence]", "format = \"tsv\"\ndelimiter = \"|\"\n[sequence]", "delimiter is for"),
            ("[sequence]", "delimiter = \"→\"\n[sequence]", "expected an ASCII character"),
            ("[sequence]", "[sequence]\ntime_unit = \"days\"", "time_unit \"days\""),
            ("[sequence]", "[sequence]\nmin_length = 0", "min_length is 0"),
            ("max_loss = 0.02", "max_loss = 2", "max_loss is 2"),
            ("max_loss = 0.02", "bits = 5", "bits is 5"),
            ("hidden = 32\n[export]\nmax_loss = 0.02", "hidden = 48\n[export]\nbits = 4", "rows of 48 values"),
            ("[evaluate]", "[evaluate]\nmax_validation_events = 0", "are 1 or more"),
            ("hidden = 32", "dropout = 1.5", "train.dropout"),
            ("hidden = 32", "hidden = 9000", "train.hidden is 9000, expected 1 to "),
            ("hidden = 32", "heads = 3", "train.hidden 64 must be a multiple"),
            ("hidden = 32", "decay = 0", "train.decay must be above 0"),
            ("hidden = 32", "neighbour_epsilon = inf", "train.neighbour_epsilon must be above 0"),
            ("hidden = 32", "epochs = 9223372036854775807", "train.epochs is 9223372036854775807, expected 1 to"),
            ("hidden = 32", "patience = 0", "train.patience is 0"),
            ("hidden = 32", "negatives = 576460752303423488", "train.negatives"),
            ("hidden = 32", "neighbours = 5000", "train.neighbours is 5000, expected 0 to 1000"),
            ("hidden = 32", "threads = 100000", "train.threads"),
            ("hidden = 32", "loss = \"hinge\"", "expected one of `softmax`, `gbce`, `bpr`"),
            ("hidden = 32", "negatives_drawn = \"top\"", "expected one of `mixed`, `uniform`, `popularity`, `batch`"),
            ("hidden = 32", "label_smoothing = 1", "train.label_smoothing is 1, expected at least 0 and below 1"),
            ("hidden = 32", "loss = \"bpr\"\nlabel_smoothing = 0.1", "expected 0; remove it or set train.loss"),
            ("hidden = 32", "gbce_calibration = 1.5", "train.gbce_calibration is 1.5, expected 0 to 1"),
            ("[export]", "[tune]\ntrial = 3\n[export]", "unknown field `trial`"),
            ("[export]", "[tune]\nfactor = 1\n[export]", "[tune] factor is 1, expected 2 to 100"),
            ("[export]", "[tune.space]\nseed = { choices = [1] }\n[export]", "[tune.space] seed can't be drawn"),
            ("[export]", "[tune.space]\nhidden = { choices = [] }\n[export]", "[tune.space] hidden: choices is empty"),
            ("[export]", "[tune.space]\ndropout = { linear = [0.5, 0.1] }\n[export]", "[0.5, 0.1] is no range"),
            ("[export]", "[tune.space]\ndropout = { log = [0, 0.1] }\n[export]", "log begins at 0, expected above 0"),
            ("[export]", "[tune.space]\ndropout = { even = [0, 0.1] }\n[export]", "unknown variant `even`"),
            (
                "[export]",
                "[train.pretrain]\nepochs = 2\n[fine_tune]\nfrom = \"runs/base\"\n[export]",
                "goes on from a model that had its own",
            ),
            ("hidden = 32", "popularity_power = -1", "train.popularity_power is -1, expected 0 to 1"),
        ] {
            assert!(WHOLE.contains(old), "{old}");
            let error = format!("{:#}", parse(&WHOLE.replacen(old, new, 1)).unwrap_err());
            assert!(error.contains(message), "no {message:?} in: {error}");
        }
    }

    const REFERENCE: &str = include_str!("../../../examples/reference.toml");

    #[test]
    fn the_reference_gives_the_defaults() {
        let least = "[log]\npath = \"events.csv\"\n[item]\ncolumn = \"item\"\n";
        assert_eq!(parse(REFERENCE).unwrap(), parse(least).unwrap());
    }

    #[test]
    fn the_reference_names_every_key() {
        let least = "[log]\npath = \"events.csv\"\n[item]\ncolumn = \"item\"\n";
        for section in [
            "log", "sequence", "item", "[field]", "[task]", "[side]", "split", "evaluate", "train", "privacy", "tune",
            "export",
        ] {
            let begin = format!("[{section}]\n");
            // An unknown key's error lists those there are.
            let wrong = if least.contains(&begin) {
                least.replace(&begin, &format!("{begin}unknown = 1\n"))
            } else {
                format!("{least}{begin}unknown = 1\n")
            };
            let error = format!("{:#}", parse(&wrong).unwrap_err());
            let keys: Vec<&str> = error.split("expected").nth(1).unwrap().split('`').skip(1).step_by(2).collect();
            assert!(keys.len() > 1, "{error}");
            let text = REFERENCE.split_once(&begin).unwrap().1;
            let text = text.split("\n[").next().unwrap().split("\n#[").next().unwrap();
            let named: Vec<&str> =
                text.lines().filter_map(|line| Some(line.trim_start_matches('#').split_once(" = ")?.0)).collect();
            for key in keys {
                let has_section = REFERENCE.contains(&format!("\n[{section}.{key}]\n"));
                assert!(named.contains(&key) || has_section, "[{section}] {key}");
            }
        }
    }
}
