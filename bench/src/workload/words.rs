//! The vocabulary of the workload, and sentences of it.

use super::random::Random;

pub(super) const ADJECTIVES: &str = "amber brisk calm dapper eager fancy gentle happy icy jolly keen lucid mellow nimble opal \
    proud quick rapid silent tidy urban vivid warm young zesty bold clever daring elastic frosty";
pub(super) const NOUNS: &str = "ledger billing checkout catalog invoice payment shipment inventory pricing session identity \
    notification search ranking profile wallet refund tax quote order basket review rating feed timeline media image video \
    upload thumbnail report metrics alert audit export import sync gateway router proxy cache queue worker scheduler planner \
    forecast fraud risk consent address loyalty coupon campaign segment email sms push webhook connector adapter vault secret";
pub(super) const SUFFIXES: &str = "service api worker web batch ui gateway job lib consumer";
const VERBS: &str = "stores computes validates enriches exposes aggregates replicates publishes consumes transforms schedules \
    reconciles indexes archives renders routes";
const OBJECTS: &str = "customer records|monthly invoices|payment events|stock levels|shipping labels|price lists|audit trails|\
    user sessions|search documents|product images|fraud signals|tax rules|loyalty points|campaign audiences|email templates|\
    access tokens|refund requests|delivery slots|order lines|sensor readings|feature flags|usage metrics|support tickets|\
    partner feeds";
const PLACES: &str = "for the storefront|for internal tooling|for the mobile apps|for partner integrations|for the data \
    warehouse|for back office staff|for regional markets|for the finance teams|on behalf of other services|with strict latency \
    goals|with eventual consistency|in near real time|as a nightly batch|for compliance reporting";
pub(super) const TAGS: &str = "java kotlin go rust python typescript node react spring grpc rest graphql kafka postgres redis \
    s3 batch streaming critical internal external pii gdpr pci legacy experimental ml etl frontend backend mobile data platform \
    security observability";
pub(super) const RESOURCE_TYPES: &str = "database s3-bucket topic queue cache cluster search-index";
pub(super) const GROUP_TYPES: [&str; 4] = ["organization", "division", "department", "team"];
pub(super) const FIRST_NAMES: &str = "anna bela carl dora emil fanny gabor hanna igor jana karl lena marta nils olga petra \
    quinn rosa stefan tina ugo vera walter xenia yuri zoe";
pub(super) const LAST_NAMES: &str = "adler berg conti dahl eriksen ferrari garcia holm ivanov jansen keller larsen moreau \
    nagy olsen petrov rossi silva toth urban varga weber young zeman";
pub(super) const REGIONS: &str = "eu-west eu-central us-east us-west ap-south";
pub(super) const TIERS: &str = "tier-0 tier-1 tier-2 tier-3";

/// Values with their shares in percent.
pub(super) const LIFECYCLES: &[(&str, usize)] = &[("production", 70), ("experimental", 20), ("deprecated", 10)];
pub(super) const COMPONENT_TYPES: &[(&str, usize)] = &[
    ("service", 55),
    ("website", 15),
    ("library", 20),
    ("job", 6),
    ("documentation", 4),
];
pub(super) const API_TYPES: &[(&str, usize)] = &[("openapi", 85), ("grpc", 10), ("asyncapi", 5)];

/// The lists in the form that chances are drawn from.
pub(super) struct Words {
    pub(super) adjectives: Vec<&'static str>,
    pub(super) nouns: Vec<&'static str>,
    pub(super) tags: Vec<&'static str>,
    pub(super) lifecycles: Vec<&'static str>,
    pub(super) tiers: Vec<&'static str>,
    pub(super) regions: Vec<&'static str>,
    verbs: Vec<&'static str>,
    objects: Vec<&'static str>,
    places: Vec<&'static str>,
}

pub(super) fn list(words: &'static str) -> Vec<&'static str> {
    words.split_whitespace().collect()
}

/// Each value as often as its share says.
pub(super) fn shares(of: &[(&'static str, usize)]) -> Vec<&'static str> {
    let repeated = of.iter().flat_map(|(value, share)| std::iter::repeat_n(*value, *share));
    repeated.collect()
}

impl Words {
    pub(super) fn new() -> Self {
        Self {
            adjectives: list(ADJECTIVES),
            nouns: list(NOUNS),
            tags: list(TAGS),
            lifecycles: shares(LIFECYCLES),
            tiers: list(TIERS),
            regions: list(REGIONS),
            verbs: list(VERBS),
            objects: OBJECTS.split('|').collect(),
            places: PLACES.split('|').collect(),
        }
    }

    pub(super) fn sentence(&self, random: &mut Random) -> String {
        let verb = capitalized(random.choice(&self.verbs));
        let object = random.choice(&self.objects);
        format!("{verb} {object} {}", random.choice(&self.places))
    }

    /// One sentence, two, or now and then five.
    pub(super) fn description(&self, random: &mut Random) -> String {
        let mut text = self.sentence(random) + ".";
        let more = |text: &mut String, random: &mut Random| {
            text.push(' ');
            text.push_str(&self.sentence(random));
            text.push('.');
        };
        if random.fraction() < 0.6 {
            more(&mut text, random);
        }
        if random.fraction() < 0.15 {
            for _ in 0..3 {
                more(&mut text, random);
            }
        }
        text
    }

    /// One to five tags in order.
    pub(super) fn draw_tags(&self, random: &mut Random) -> Vec<&'static str> {
        let count = random.between(1, 5);
        let mut tags: Vec<_> = random
            .sample(self.tags.len(), count)
            .into_iter()
            .map(|at| self.tags[at])
            .collect();
        tags.sort_unstable();
        tags
    }
}

/// The first letter large, the rest small.
pub(super) fn capitalized(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().map(|letter| letter.to_ascii_uppercase());
    first.into_iter().chain(letters).collect()
}

/// Every letter large that follows none.
pub(super) fn titled(text: &str) -> String {
    let mut within = false;
    text.chars()
        .map(|letter| {
            let written = if within { letter } else { letter.to_ascii_uppercase() };
            within = letter.is_ascii_alphabetic();
            written
        })
        .collect()
}
