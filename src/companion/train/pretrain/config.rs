//! `[train.pretrain]`

use crate::companion::train::augment::Augment;
use crate::error::{Error, Result};
use crate::format::EncoderKind;
use serde::{Deserialize, Serialize};

/// Epochs before the ordinary ones, which learn from every event without a label.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct PretrainConfig {
    /// Passes over the training events; 0 for no pretraining. Default 0.
    pub epochs: usize,
    /// What they learn, step by step in turn. Default ["masked"].
    pub objectives: Vec<Pretext>,
    /// "masked" only: the share of events that are hidden, at least one in each window. Default 0.3.
    pub mask_share: f32,
    /// "contrastive" only: what cosines are divided by. Default 0.2.
    pub temperature: f32,
    /// "contrastive" only: how a view differs from its window; `crop` is the share of views that are a stretch of half the window
    /// or more. Default: crop 0.5, drop 0.2, mask 0.2, reorder 0.5, substitute 0.
    pub views: Augment,
}

/// What an encoder learns from a log without labels.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Pretext {
    /// Tells hidden events from those before and after them.
    Masked,
    /// Tells two views of one window from those of others.
    Contrastive,
}

impl Pretext {
    /// Its name in foreclick.toml.
    pub fn name(self) -> &'static str {
        match self {
            Self::Masked => "masked",
            Self::Contrastive => "contrastive",
        }
    }
}

impl Default for PretrainConfig {
    fn default() -> Self {
        let views = Augment { crop: 0.5, drop: 0.2, mask: 0.2, reorder: 0.5, substitute: 0.0 };
        Self { epochs: 0, objectives: vec![Pretext::Masked], mask_share: 0.3, temperature: 0.2, views }
    }
}

impl PretrainConfig {
    /// What a step, counted from 0, learns.
    pub fn pretext(&self, step: u64) -> Pretext {
        self.objectives[(step % self.objectives.len() as u64) as usize]
    }

    /// Checks the section for an encoder.
    ///
    /// # Errors
    /// [`Error::Argument`] names the key, its value and what was expected.
    pub fn validate(&self, encoder: EncoderKind) -> Result<()> {
        let Self { epochs, objectives, mask_share, temperature, views } = self;
        let refuse = |text: String| Err(Error::Argument(text));
        if *epochs == 0 && *self != Self::default() {
            return refuse(
                "train.pretrain.epochs is 0, and the section says how to pretrain; set epochs, or remove the section"
                    .into(),
            );
        }
        if *epochs > 100_000 {
            return refuse(format!("train.pretrain.epochs is {epochs}, expected 0 to 100000"));
        }
        if objectives.is_empty() || objectives.iter().enumerate().any(|(place, one)| objectives[..place].contains(one))
        {
            return refuse(
                "train.pretrain.objectives names none or one twice, expected \"masked\", \"contrastive\" or both"
                    .into(),
            );
        }
        if !(*mask_share > 0.0 && *mask_share <= 0.9) {
            return refuse(format!("train.pretrain.mask_share is {mask_share}, expected above 0, up to 0.9"));
        }
        if !(*temperature > 0.0 && temperature.is_finite()) {
            return refuse(format!("train.pretrain.temperature is {temperature}, expected above 0"));
        }
        views.validate("train.pretrain.views")?;
        let trains = |pretext| *epochs > 0 && objectives.contains(&pretext);
        if trains(Pretext::Contrastive) && *views == Augment::default() {
            return refuse(
                "train.pretrain.views are all 0, so that two views of a window are the same; set one above 0".into(),
            );
        }
        let name = encoder.name();
        if *epochs > 0 && encoder == EncoderKind::Counting {
            return refuse(format!(
                "train.pretrain is for encoders, and train.encoder = \"{name}\" is none; remove it or take another encoder"
            ));
        }
        if trains(Pretext::Masked) && encoder != EncoderKind::Transformer {
            return refuse(format!(
                "train.pretrain.objectives has \"masked\", which looks ahead as well as back, and train.encoder = \"{name}\" only \
                 looks back; take \"contrastive\", or the encoder \"transformer\""
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, encoder: EncoderKind) -> std::result::Result<(), String> {
        let config: PretrainConfig = toml::from_str(text).map_err(|error| error.to_string())?;
        config.validate(encoder).map_err(|error| error.to_string())
    }

    #[test]
    fn what_contradicts_itself_is_refused() {
        let still = "crop = 0\ndrop = 0\nmask = 0\nreorder = 0";
        for (text, encoder, message) in [
            ("objectives = []", "transformer", "names none or one twice"),
            ("objectives = [\"masked\", \"masked\"]", "transformer", "names none or one twice"),
            ("objectives = [\"next\"]", "transformer", "`masked` or `contrastive`"),
            ("mask_share = 0", "transformer", "mask_share is 0, expected above 0"),
            ("mask_share = nan", "transformer", "mask_share is NaN"),
            ("temperature = 0", "transformer", "temperature is 0, expected above 0"),
            ("shares = 0.5", "transformer", "unknown field `shares`"),
            ("views = { drop = 1 }", "transformer", "train.pretrain.views.drop is 1, expected 0 to 0.9"),
            (&format!("objectives = [\"contrastive\"]\n[views]\n{still}"), "transformer", "the same"),
            ("", "gru", "\"gru\" only looks back"),
            ("", "hstu", "\"hstu\" only looks back"),
            ("objectives = [\"contrastive\"]", "counting", "\"counting\" is none"),
        ] {
            let encoder = EncoderKind::ALL.into_iter().find(|kind| kind.name() == encoder).unwrap();
            let error = check(&format!("epochs = 2\n{text}"), encoder).unwrap_err();
            assert!(error.contains(message), "no {message:?} in: {error}");
        }
        let error = check("mask_share = 0.5", EncoderKind::Transformer).unwrap_err();
        assert!(error.contains("epochs is 0, and the section says how"), "{error}");
        for encoder in EncoderKind::ALL.into_iter().filter(|encoder| *encoder != EncoderKind::Counting) {
            check("epochs = 2\nobjectives = [\"contrastive\"]", encoder).unwrap();
        }
        check("epochs = 2\nobjectives = [\"masked\", \"contrastive\"]", EncoderKind::Transformer).unwrap();
        check("", EncoderKind::Counting).unwrap();
    }

    #[test]
    fn objectives_take_turns() {
        let objectives = vec![Pretext::Contrastive, Pretext::Masked];
        let config = PretrainConfig { objectives: objectives.clone(), ..PretrainConfig::default() };
        assert_eq!([0, 1, 2, 3].map(|step| config.pretext(step)).to_vec(), objectives.repeat(2));
    }
}
