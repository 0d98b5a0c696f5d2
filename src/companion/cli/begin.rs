//! What `foreclick train` and `foreclick tune` begin with.

use super::Source;
use crate::companion::config::Config;
use crate::companion::data::{CleaningReport, Dataset};
use crate::companion::run::{Lesson, RunFolder};
use crate::companion::train::{DistillConfig, FineTuneConfig, TrainConfig, last};
#[cfg(not(all(feature = "wgpu", feature = "cuda")))]
use anyhow::bail;
use anyhow::{Context, Result, ensure};
use burn::tensor::Device;
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

/// Where runs lie.
pub const RUNS: &str = "runs";
/// The exit status after Ctrl-C, as shells have it.
pub const STOPPED: u8 = 130;

/// What both are told.
#[derive(Debug, Args)]
pub struct Begin {
    #[command(flatten)]
    source: Source,
    /// The run's name: its folder below runs/ [default: the schema file's name]
    #[arg(long)]
    name: Option<String>,
    /// Go on with what was stopped, to the same result as if it had not been [default: begin anew]
    #[arg(long, conflicts_with = "replace")]
    pub resume: bool,
    /// Replace what has this name; the old one stays until the new one has saved something [default: refuse]
    #[arg(long)]
    pub replace: bool,
    /// Go on from what this run's folder or model file has learned, as [fine_tune] says [default: the schema file's
    /// fine_tune.from]
    #[arg(long, value_name = "RUN")]
    from: Option<PathBuf>,
    /// Learn from what these runs' folders answer too, their answers averaged, as [distill] says [default: the schema file's
    /// distill.teachers]
    #[arg(long, value_name = "RUN,RUN,...", value_delimiter = ',')]
    teachers: Vec<PathBuf>,
    /// Training threads, 0 for one a core [default: the schema file's train.threads]
    #[arg(long)]
    threads: Option<usize>,
    /// Where burn computes; wgpu and cuda need a build with that feature
    #[arg(long, value_enum, default_value_t = DeviceChoice::Cpu)]
    device: DeviceChoice,
}

/// burn's devices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum DeviceChoice {
    Cpu,
    Wgpu,
    Cuda,
}

impl DeviceChoice {
    fn open(self) -> Result<Device> {
        match self {
            Self::Cpu => Ok(Device::flex()),
            #[cfg(feature = "wgpu")]
            Self::Wgpu => {
                let wanted = "a GPU with a Vulkan, Metal or DirectX 12 driver";
                expect_some(Device::enumerate(burn::tensor::DeviceType::Wgpu), wanted)?;
                Ok(Device::wgpu(burn::tensor::DeviceKind::DefaultDevice))
            }
            #[cfg(feature = "cuda")]
            Self::Cuda => {
                expect_some(Device::enumerate(burn::tensor::DeviceType::Cuda), "an NVIDIA GPU with its driver")?;
                Ok(Device::cuda(0usize))
            }
            #[cfg(not(all(feature = "wgpu", feature = "cuda")))]
            other => {
                let feature = if other == Self::Wgpu { "wgpu" } else { "cuda" };
                bail!("this build has no {feature} device; build with `cargo build --release --features {feature}`")
            }
        }
    }
}

/// burn panics over a device that the machine lacks, so it is asked before.
#[cfg(any(feature = "wgpu", feature = "cuda"))]
fn expect_some(found: burn::tensor::Devices, wanted: &str) -> Result<()> {
    if found.into_vec().is_empty() {
        anyhow::bail!(
            "burn finds no such device here, expected {wanted}; install the driver, or train with --device cpu"
        );
    }
    Ok(())
}

impl Begin {
    /// The device, before a log is read for nothing.
    pub fn device(&self) -> Result<Device> {
        self.device.open()
    }

    /// The schema file with what the options put in its place.
    pub fn config(&self) -> Result<Config> {
        let mut config = self.source.read()?;
        config.train.threads = self.threads.unwrap_or(config.train.threads);
        if let Some(from) = &self.from {
            config.fine_tune.from = Some(from.clone());
        }
        if !self.teachers.is_empty() {
            config.distill.teachers.clone_from(&self.teachers);
        }
        ensure!(
            !config.distill.teachers.is_empty() || config.distill == DistillConfig::default(),
            "[distill] says how a run is taught, and teachers are missing; name runs' folders there or in --teachers, or remove the \
             section"
        );
        ensure!(
            config.fine_tune.from.is_some() || config.fine_tune == FineTuneConfig::default(),
            "[fine_tune] says how a model is gone on from, and from is missing; name a run's folder or a model file there or in \
             --from, or remove the section"
        );
        if let Some(base) = config.fine_tune.read()? {
            let architecture = &base.metadata.architecture;
            let text = std::fs::read_to_string(&self.source.config)?;
            let whole = config.train.going_on_from(architecture, &FineTuneConfig::default());
            if let Some(note) = overruled(&text, &config.train, &whole)? {
                eprintln!("{note}");
            }
            config.train = config.train.going_on_from(architecture, &config.fine_tune);
        }
        Ok(config)
    }

    pub fn name(&self) -> Result<String> {
        if let Some(name) = &self.name {
            return Ok(name.clone());
        }
        let stem =
            self.source.config.file_stem().context("the schema file has no name; give the run one with --name")?;
        Ok(stem.to_string_lossy().into_owned())
    }

    /// One of several runs' folders, and whether it goes on: with --resume those that have saved nothing yet begin anew.
    pub fn claim_of_several(&self, name: &str) -> Result<(bool, RunFolder)> {
        let runs = Path::new(RUNS);
        let goes_on = self.resume && last(&runs.join(name)).exists();
        Ok((goes_on, RunFolder::claim(runs, name, goes_on, self.replace || self.resume)?))
    }

    /// What to learn from; `stop` is of [`listen_for_stop`].
    pub fn lesson<'a>(
        &self,
        dataset: &'a Dataset,
        cleaning: &'a CleaningReport,
        device: Device,
        stop: &'a (dyn Fn() -> bool + Sync),
    ) -> Lesson<'a> {
        Lesson { dataset, cleaning, device, device_name: format!("{:?}", self.device), stop }
    }
}

/// Which values that the text of a schema file names in [train] are others in the model that is gone on from; `None` where all
/// are followed.
fn overruled(text: &str, said: &TrainConfig, model: &TrainConfig) -> Result<Option<String>> {
    let file: toml::Table = toml::from_str(text)?;
    let [said, model] = [toml::to_string(said)?, toml::to_string(model)?];
    let value = |text: &'_ str, key: &str| {
        text.lines()
            .find_map(|line| line.split_once(" = ").filter(|(name, _)| *name == key))
            .map(|(_, value)| value.to_owned())
    };
    let named = file.get("train").and_then(toml::Value::as_table).into_iter().flat_map(toml::Table::keys);
    let differ = named.filter_map(|key| {
        let (said, model) = (value(&said, key)?, value(&model, key)?);
        (said != model).then(|| format!("{key} = {model} (not {said})"))
    });
    let all = differ.collect::<Vec<_>>().join(", ");
    Ok((!all.is_empty()).then(|| format!("[train] is that of the model to go on from: {all}")))
}

/// Ctrl-C from now on: what says whether it was pressed. Once only.
pub fn listen_for_stop() -> Result<&'static (dyn Fn() -> bool + Sync)> {
    static STOP: AtomicBool = AtomicBool::new(false);
    ctrlc::set_handler(|| {
        // The first Ctrl-C lets the step end and saves; the second ends at once.
        if STOP.swap(true, Ordering::Relaxed) {
            std::process::exit(STOPPED.into());
        }
        eprintln!("stopping after this step; Ctrl-C again ends at once, without saving");
    })
    .context("can't listen for Ctrl-C")?;
    Ok(&|| STOP.load(Ordering::Relaxed))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_model_overrules_is_said_of_what_the_file_names() {
        let model = TrainConfig { hidden: 32, decay: 0.9, repeat_counts: true, ..TrainConfig::default() };
        let told = |train: &str| {
            let text = format!("log = {{ path = \"a\" }}\n[train]\n{train}");
            let said: TrainConfig = toml::from_str(train).unwrap();
            overruled(&text, &said, &TrainConfig { epochs: said.epochs, ..model.clone() }).unwrap()
        };
        assert_eq!(told("epochs = 7"), None, "hidden is another one, and nobody asked for 64");
        assert_eq!(told("hidden = 32\nrepeat_counts = true"), None);
        let expected = "[train] is that of the model to go on from: decay = 0.9 (not 0.97), hidden = 32 (not 64)";
        assert_eq!(told("hidden = 64\ndecay = 0.97").unwrap(), expected);
        assert_eq!(overruled("log = { path = \"a\" }", &TrainConfig::default(), &model).unwrap(), None);
    }
}
