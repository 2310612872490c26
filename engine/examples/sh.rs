use std::fs::File;
use kubetape_engine::{import::{self,Source}, names::Names, replay::Events, shadow};
fn main(){
  let folder=std::env::args().nth(1).unwrap(); let max: usize=std::env::args().nth(2).map_or(20,|n|n.parse().unwrap());
  let t=std::time::Instant::now();
  let mut names=Names::new();
  let noaudit=std::env::var_os("NOAUDIT").is_some();
  let sources=["watch.jsonl.gz","audit.jsonl.gz"].iter().filter(|n|!(noaudit&&n.starts_with("audit"))).map(|n|std::path::Path::new(&folder).join(n)).filter(|p|p.exists()).map(|p|Source{name:p.display().to_string(),bytes:Box::new(File::open(&p).unwrap())}).collect();
  let i=import::import(sources,&import::Options::default(),&mut names,&mut |_|{}).unwrap();
  let t1=t.elapsed();
  let r=shadow::shadow(&mut Events([i.genesis,i.events].concat()),names,&mut |_,_|{}).unwrap();
  println!("{folder}: import {t1:?} shadow {:?} events {}",t.elapsed()-t1,r.events);
  for (k,t) in &r.tallies { println!("  {:20} agreed {} (late {}) disagreed {} unattributed {} alike {}",k.as_str(),t.agreed,t.agreed_late,t.disagreed,t.unattributed,t.unattributed_alike); }
  println!("  lags {:?}", r.lags.iter().map(|(k,v)|format!("{k}:{v}")).collect::<Vec<_>>());
  for d in r.disagreements.iter().take(max) { println!("  {} {} {} {}\n     recorded: {}\n     ours: {}\n     state: {}",d.seq,d.at,d.kind.as_str(),d.about,d.recorded,d.ours,d.state); }
}
