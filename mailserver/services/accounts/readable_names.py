"""Names that people can read and say, for inboxes that nobody has named."""

import secrets

_FIRST = (
    "amber bright brisk calm clear clever cosy crisp daring eager early easy fair fine fresh gentle glad golden grand "
    "happy honest keen kind light lively lucky mellow merry mild modest neat noble open patient plain polite proud "
    "quick quiet ready shiny silent simple smart snowy solid steady sunny swift tidy true vivid warm wise"
)
_SECOND = (
    "acorn anchor badger beacon birch brook candle canyon cedar cloud comet copper coral crane creek dolphin falcon "
    "fern finch forest fox garden glacier harbor hazel heron island jasmine kettle lake lantern lark maple meadow "
    "meteor moss otter owl panda pebble pine planet poppy raven reef river robin rocket sparrow spruce stone summit "
    "thistle tulip valley violet walnut willow wren"
)
MOST = 9_999


def new() -> str:
    """A name such as calm-otter-4821."""
    return f"{secrets.choice(_FIRST.split())}-{secrets.choice(_SECOND.split())}-{secrets.randbelow(MOST) + 1}"
