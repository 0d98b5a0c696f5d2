//! The file that `foreclick policy train` writes and a page's bandit starts from.

use super::base64::{decode, encode};
use super::features::Features;
use super::learner::{Belief, Evidence, Prior};
use super::linear::{Symmetric, triangle};
use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The version that this build writes and reads.
pub const VERSION: u32 = 1;

/// A trained policy, as JSON.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyFile {
    /// "policy".
    pub foreclick: String,
    /// [`VERSION`].
    pub version: u32,
    /// The log's columns that make a context, in their order.
    pub columns: Vec<String>,
    /// Values that are kept of a context ([`Features::rank`]).
    pub rank: usize,
    /// See [`Features::center`].
    pub center: Vec<f64>,
    /// See [`Features::scale`].
    pub scale: Vec<f64>,
    /// See [`Features::projection`]; f64 values in Base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub projection: Option<String>,
    /// The standard deviation of a reward around what is predicted.
    pub deviation: f64,
    /// The mean reward, which an action that is not listed starts from.
    pub base: f64,
    /// Of how many rewards an action that is not listed is as sure as.
    pub ridge: f64,
    /// What is believed of each action.
    pub actions: Vec<PolicyAction>,
}

/// What is believed of an action's weights; texts are f64 values in Base64.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PolicyAction {
    /// Its key.
    pub id: String,
    /// How many rewards it was learned from.
    pub rewards: f64,
    /// The lower triangle of the precision.
    pub precision: String,
    /// The mean.
    pub mean: String,
}

impl PolicyFile {
    /// Reads a file that `foreclick policy train` has written.
    ///
    /// # Errors
    /// Names the file, what was expected and what was found.
    pub fn read(path: &Path) -> Result<Self> {
        let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Self::parse(&text).with_context(|| format!("{} is no policy that foreclick can use", path.display()))
    }

    fn parse(text: &str) -> Result<Self> {
        let value: serde_json::Value =
            serde_json::from_str(text).context("expected the JSON that `foreclick policy train` writes")?;
        ensure!(
            value["foreclick"] == "policy",
            "foreclick is {}, expected \"policy\"; `foreclick policy train` writes one",
            value["foreclick"]
        );
        ensure!(value["version"] == VERSION, "version {}, expected {VERSION}: train it again", value["version"]);
        let file: Self = serde_json::from_value(value)?;
        let width = file.columns.len();
        ensure!(
            file.center.len() == width && file.scale.len() == width && file.rank <= width,
            "center has {} values, scale {} and rank is {}, expected {width}, {width} and at most {width}",
            file.center.len(),
            file.scale.len(),
            file.rank
        );
        ensure!(
            file.projection.is_some() == (file.rank < width),
            "its rank is {} of {width}, expected a projection where it is lower and none where it is not",
            file.rank
        );
        ensure!(!file.actions.is_empty(), "it has no action, expected one or more");
        file.ranking()?;
        Ok(file)
    }

    /// How contexts are seen.
    ///
    /// # Errors
    /// When the projection has another number of values.
    pub fn features(&self) -> Result<Features> {
        let Self { columns, rank, center, scale, projection, .. } = self;
        let (dimension, rank) = (columns.len(), *rank);
        let directions = projection.as_deref().map(|text| decode(text, rank * dimension).context("projection"));
        let projection = directions.transpose()?;
        Ok(Features { dimension, rank, center: center.clone(), scale: scale.clone(), projection })
    }

    /// What is believed of each action before any reward.
    ///
    /// # Errors
    /// When an action's texts are no values, or of another size.
    pub fn priors(&self) -> Result<Vec<Prior>> {
        let size = self.rank + 1;
        let prior = |action: &PolicyAction| -> Result<Prior> {
            let precision = Symmetric { size, values: decode(&action.precision, triangle(size))? };
            let moment = precision.times(&decode(&action.mean, size)?);
            Ok(Prior { precision, moment })
        };
        let named = |action: &PolicyAction| prior(action).with_context(|| format!("action {:?}", action.id));
        self.actions.iter().map(named).collect()
    }

    fn beliefs(&self) -> Result<Vec<Belief>> {
        let nothing = Evidence::none(self.rank + 1);
        let belief = |prior: &Prior| Belief::of(prior, &nothing).context("a precision that is not positive definite");
        self.priors()?.iter().map(belief).collect()
    }

    /// What ranks its actions.
    ///
    /// # Errors
    /// See [`Self::priors`].
    pub fn ranking(&self) -> Result<Ranking> {
        Ok(Ranking { features: self.features()?, beliefs: self.beliefs()? })
    }
}

/// Ranks a policy's actions by what is expected of them.
#[derive(Debug)]
pub struct Ranking {
    features: Features,
    beliefs: Vec<Belief>,
}

impl Ranking {
    /// The actions' numbers, the best for a context first.
    ///
    /// # Errors
    /// When the context has another number of values.
    pub fn best(&self, context: &[f64]) -> Result<Vec<usize>> {
        let x = self.features.encode(context)?;
        let expected: Vec<f64> = self.beliefs.iter().map(|belief| belief.expected(&x)).collect();
        let mut order: Vec<usize> = (0..expected.len()).collect();
        order.sort_by(|&a, &b| expected[b].total_cmp(&expected[a]));
        Ok(order)
    }
}

impl PolicyFile {
    /// A policy of contexts that are seen as `features` say.
    pub fn new(columns: Vec<String>, features: Features, beliefs: [f64; 3], actions: Vec<PolicyAction>) -> Self {
        let Features { dimension: _, rank, center, scale, projection } = features;
        let projection = projection.map(|directions| encode(&directions));
        let [deviation, base, ridge] = beliefs;
        let (foreclick, version) = ("policy".into(), VERSION);
        Self { foreclick, version, columns, rank, center, scale, projection, deviation, base, ridge, actions }
    }
}

impl PolicyAction {
    /// An action as the file has it.
    pub fn new(id: String, rewards: f64, precision: &Symmetric, mean: &[f64]) -> Self {
        Self { id, rewards, precision: encode(&precision.values), mean: encode(mean) }
    }
}
