"""The query a newcomer tries first: it needs no id, and shows living numbers."""

EXAMPLE_QUERY = """\
# The newest running experiment, and what its numbers say.
query RunningExperiment {
  experiments(first: 1, filter: { status: { eq: RUNNING } }) {
    edges {
      node {
        id
        name
        prompt { key }
        variants { name trafficPercentage exposureCount }
        analysis {
          metric { key }
          test
          sampleSizeSufficient
          requiredUnits
          variantStats { variant { name } units conversionRate }
          comparisons {
            treatment { name }
            relativeEffect { estimate lower upper }
            adjustedPValue
            isSignificant
          }
          recommendation { verdict summary }
        }
      }
    }
  }
}
"""
