"""Words that say nothing about what a text is about, in English, German, French and Spanish."""

_ENGLISH = (
    "a about after again all also am an and any are aren't as at be because been before being below best between both "
    "but by can can't could dear did didn't do does doesn't doing don't down during each few for from further get had "
    "has have having he hello her here hers hi him his how i i'd i'll i'm i've if in into is isn't it it's its just "
    "kind know let let's me more most much my no nor not now of off on once only or other our ours out over own please "
    "regards same see she should so some such than thank thanks that that's the their theirs them then there these "
    "they this those through to too under until up us very was we we'll we're we've were what when where which while "
    "who whom why will with would yes you you're your yours wrote sent"
)
_GERMAN = (
    "aber alle allem allen aller alles als also am an auch auf aus bei beim bin bis bist bitte da damit dann das dass "
    "dein deine dem den denn der des dich die dies diese diesem diesen dieser dieses dir doch du durch ein eine einem "
    "einen einer eines er es euch euer für gegen grüße gruß grüßen habe haben hallo hat hatte hier hinter ich ihm ihn "
    "ihnen ihr ihre ihren im in ins ist ja jede jeden jeder kann kein keine können liebe lieber man mein "
    "meine mich mir "
    "mit nach nicht noch nun nur ob oder ohne sehr sein seine sich sie sind so und uns unser unsere unter vielen vom "
    "von vor war waren was weil wenn wer werden wie wieder wir wird wurde zu zum zur dank danke freundlichen geehrte "
    "schrieb"
)
_FRENCH = (
    "ai ainsi alors après au aussi aux avec avez avons bien bonjour bonsoir ce ces cet cette chez comme cordialement "
    "dans de des donc du elle elles en est et être eu fait ici il ils je jour la le les leur leurs lui là ma mais me "
    "merci mes moi mon même ne nos notre nous on ont ou où par pas plus pour pouvez qu que quel quelle qui sa sans se "
    "sera ses si son sont sur ta te tes toi ton tous tout toute tu très un une vos votre vous écrit été à"
)
_SPANISH = (
    "al algo ante antes aquí así bien como con contra cual cuando de del desde donde dos el él ella ellas ellos en "
    "entre era es esa ese eso esta está están estas este esto estos fue gracias ha hace hasta hay hola la "
    "las le les lo "
    "los más me mi mis muy nada ni no nos nosotros nuestra nuestro o os otra otro para pero por porque que "
    "qué quien se "
    "sea según ser si sí sido sin sobre son su sus también tan te tiene todo todos tu tus un una uno unos "
    "usted ustedes "
    "y ya yo saludos escribió"
)
WORDS = frozenset(f"{_ENGLISH} {_GERMAN} {_FRENCH} {_SPANISH}".split())
