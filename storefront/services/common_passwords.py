"""The words that lead every list of leaked passwords, without the digits, signs and swapped letters that
people put on them: ``passwords.py`` takes those off again before it looks here."""

from __future__ import annotations

WORDS = """
aaa abc abcabc abcd abcde abcdef abcdefg abcdefgh access admin administrator africa alejandro alex
alexander alexandra alexis amanda america american andrea andrew android angel angela angels anthony
antonio apple april argentina arsenal asd asdf asdfg asdfgh asdfghj asdfghjk asdfghjkl asdqwe asdzxc
ashley asshole audi august australia autumn avengers azerty azertyui azertyuiop baby babyboy
babygirl bailey banana barbara barbie barcelona baseball basketball batman bayern beach bear bears
beatles beautiful benjamin berlin bestfriend bitch black blackberry blessed blink blue bmw boston
brandon brasil brazil brian broncos brother buddy bulls bunny business buster butterfly california
camaro camila canada candy captain carlos cash cat cats celtics champion changeit changeme charles
charlie cheese chelsea cherry chicago children china chocolate christ christian christopher
cinderella cisco claudia cobra coffee college colombia company computer contrasena contrasenha
cookie cookies corvette cougar cowboys crazy cricket crystal cutie dad daddy dallas dance dancer
daniel daniela database david december default demo demon deutschland devil diablo diamond disney
dog doggy dogs dollar dolphin dolphins donald dragon drummer ducati eagle eagles edc elizabeth elvis
emerald emily eminem emma england eric espana everton facebook faith falcon family father fdsa
february fernando ferrari fire fish florida flower flowers football forever fortnite fox france
francisco freedom friday friend friends fuck fuckoff fuckyou funny gabriel gabriela gamer gandalf
garfield george germany ghost giants ginger gmail god godisgood goku gold golden golf goodbye google
grace green greenday guest guitar hacked hacker hannah happy harley harleydavidson haslo hawk heaven
hell hello hellokitty helloworld heslo hockey honda honey hope horse horses hotmail hottie houston
hulk hunter hurricane ice iloveme iloveu ilovey iloveyou india instagram internet iphone ironman
isabella island italia italy jaguar james january japan jason jennifer jessica jesus jesuschrist
john johnny joker jonathan jordan joshua july june justin juventus kevin killer king kitten kitty
lakers laura lauren lemon letmein letmeinnow liberty lightning linda linkinpark linux lion lisa
liverpool lkjhgfdsa login logmein london losenord love lovely loveme lover lovers loveyou lucifer
lucky luigi maggie magic magical manager manchester mango manutd march maria mariana mario mark
martin martina master matrix matthew max melissa mercedes merlin metallica mexico michael michelle
mickey microsoft miguel milan minecraft minnie mnbvcxz molly mom mommy monday money monkey moon
moscow motdepasse mother mountain mummy music mustang mylove mypassword myself naruto natalie
network newpassword newyork nicholas nicole ninja nintendo nirvana nokia nothing november ocean
october office olivia open opensesame oracle orange oscar packers panda panther panthers paradise
paris parola pass passwd password passwort patricia patricio patrick patriots paul peace peach pearl
pepper peter phantom phoenix piano pikachu pink pirate pizza platinum playstation please poiuyt
poiuytrewq pokemon pony porn porsche power pretty prince princess private public puppy purple pussy
qaz qazwsx qazwsxedc queen qwe qweasd qweasdzxc qwer qwert qwerty qwertyu qwertyui qwertyuiop qwertz
qwertzu qwertzui qwertzuiop rabbit rachel raiders rainbow ranger rangers raven realmadrid rebecca
red redsox ricardo rich river robert roberto roblox rock rockstar rocky roma root rose ruby rugby
russia ryan salasana sales samantha samsung samurai santiago sarah satan school scooby scorpion
scott sebastian secret security senha september server sesame sex sexy shadow shark shit signin
silver sister skateboard skater sky skywalker slayer slipknot smile smiley snake snoopy soccer
soldier sonic sony sophia sophie spain spider spiderman spring star stars startrek starwars steelers
stephanie steve steven storm strawberry student subaru sugar summer sun sunday sunflower sunshine
superman superuser support suzuki sweet sweetheart sweetie swimming sydney system teacher tennis
test tester testing texas thankyou thomas thor thunder tiger tigger tokyo toor topsecret tottenham
toyota trewq trustno trustnoone turtle twitter university usa user username vader valentina vanessa
victoria viper volleyball wachtwoord warcraft warrior water welcome welcomehome whatever white
william windows winner winter wireless wizard wolf wolverine wolves wsx xbox yahoo yamaha yankees
yellow yoda youtube ytrewq yxcvbnm zaq zaqwsx zaqxsw zelda zxc zxcv zxcvb zxcvbn zxcvbnm
"""
